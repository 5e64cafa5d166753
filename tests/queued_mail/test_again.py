"""A failed mail and its failed task are one thing: whoever takes it from which side."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import send_mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from patterns.queued_mail import again, calls, failed_tasks, publication
from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import ContentDeleted, MailNotDelivered, MailRefused
from patterns.queued_mail.leases import take
from patterns.queued_mail.models import QueuedMail
from patterns.queued_mail.tasks import delete_sent, deliver
from tests.queued_mail.conftest import SMTPServer

A, B = "a@example.com", "b@example.com"
Call = tuple[tuple[Any, ...], dict[str, Any]]


def mail(subject: str = "refused", **changes: Any) -> QueuedMail:
    send_mail(subject, "the reset link", None, [A, B])
    QueuedMail.objects.filter(subject=subject).update(**changes)
    return QueuedMail.objects.get(subject=subject)


def failed(subject: str = "refused", **changes: Any) -> QueuedMail:
    return mail(subject, **{"failed_at": timezone.now(), "error": "550 full"} | changes)


def call(row: QueuedMail, publication: int = 1) -> Call:
    return ((str(row.pk), publication), {})


def now(row: QueuedMail) -> QueuedMail:
    return QueuedMail.objects.get(pk=row.pk)


def test_a_replayed_mail_waits_anew_for_that_very_task(smtp: SMTPServer) -> None:
    row = failed(outstanding=[], refused={B: "550 full"}, attempts=5, unanswered=2)

    deliver.on_replay([call(row)])

    row = now(row)
    assert (row.state, row.publication, row.outstanding) == ("waiting", 1, [B])
    assert (row.refused, row.error, row.attempts, row.unanswered) == ({}, "", 0, 0)
    deliver_once(str(row.pk), 1)
    assert [recipients for _, recipients, _ in smtp.mails] == [[B]]


def test_a_replay_leaves_alone_what_is_sent_or_waits() -> None:
    sent = mail("sent", sent_at=timezone.now(), attempts=1)
    waiting = mail("waiting", attempts=3, error="451 later")

    deliver.on_replay([call(sent), call(waiting)])

    assert (now(sent).state, now(sent).attempts) == ("sent", 1)
    assert (now(waiting).attempts, now(waiting).error) == (3, "451 later")


def test_an_older_task_of_a_mail_takes_it_over_when_it_is_replayed() -> None:
    row = failed(publication=2)
    deliver.on_replay([call(row, 1)])
    assert now(row).publication == 1  # so its failures are not put down to a newer one


def test_a_discarded_task_leaves_no_mail_that_waits_for_ever() -> None:
    waiting, newer, sent = mail("w"), mail("n", publication=2), mail("s", sent_at=timezone.now())

    deliver.on_discard([call(waiting), call(newer), call(sent)])

    said = "Its task was discarded, and what it said is deleted."
    assert (now(waiting).state, now(waiting).error) == ("failed", said)
    assert bytes(now(waiting).content) == b""
    assert [now(newer).state, now(sent).state] == ["waiting", "sent"]


def test_a_failed_mail_whose_task_is_discarded_says_nothing_any_more() -> None:
    row, newer = failed(), failed("n", publication=2)

    deliver.on_discard([call(row), call(newer)])

    assert now(row).error == "550 full Its task was discarded, and what it said is deleted."
    assert bytes(now(row).content) == b""
    assert b"the reset link" in bytes(now(newer).content)


@pytest.mark.parametrize("is_expired", [False, True])
def test_clean_up_deletes_what_a_mail_said_that_failed_long_ago_or_has_expired(
    is_expired: bool, settings: Any
) -> None:
    settings.QUEUED_MAIL_KEEP_FAILED_DAYS = 7
    new = failed("new", failed_at=timezone.now() - timedelta(days=6))
    old = failed("old", failed_at=timezone.now() - timedelta(days=6 if is_expired else 8))
    if is_expired:
        QueuedMail.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    waiting = mail("waiting")

    delete_sent()

    assert bytes(now(old).content) == b""
    assert (now(old).state, now(old).error) == ("failed", "550 full What it said is deleted.")
    for row in (new, waiting):
        assert b"the reset link" in bytes(now(row).content)


def test_a_mail_whose_content_is_deleted_cannot_be_sent_again_and_says_why() -> None:
    row = failed(content=b"")
    with pytest.raises(ContentDeleted, match="send a new one instead"):
        deliver.on_replay([call(row)])
    assert again.send_again(deliver, [row.pk], by="Kim") == 0
    assert now(row).state == "failed"


def test_a_replayed_run_does_not_take_over_from_one_that_was_cancelled_and_is_not_over(
    smtp: SMTPServer,
) -> None:
    row = mail()
    assert take(str(row.pk), "task 1") is not None  # it is being delivered

    deliver.on_replay([call(row)])

    with pytest.raises(MailNotDelivered, match="being delivered"):
        deliver_once(str(row.pk), 1, run_id="task 1")
    assert smtp.offers == 0


def test_a_task_is_known_by_its_mail_s_recipients_and_subject_and_not_by_what_it_says() -> None:
    first, second = mail("<b>Order</b>"), mail("many", recipients=[A, B, "c@d.org", "e@f.org"])
    with CaptureQueriesContext(connection) as queries:
        described = deliver.describe([call(first), ((str(uuid4()), 1), {}), call(second)])
    assert described == [f"to {A}, {B}: <b>Order</b>", "", f"to {A}, {B}, c@d.org and 1 more: many"]
    assert len(queries) == 1


def test_mails_that_are_not_over_are_found_by_recipient_and_subject_the_newest_first() -> None:
    older = failed("older", failed_at=timezone.now() - timedelta(days=1))
    newer, waits = failed("Order 7", publication=3), mail("it waits")
    mail("sent", sent_at=timezone.now())
    mail("late", expired_at=timezone.now())
    failed("another", recipients=["c@example.com"])
    assert deliver.described_as("B@Example") == [call(newer, 3), call(older), call(waits)]
    assert deliver.described_as("order") == [call(newer, 3)]
    assert deliver.described_as("the reset link") == []
    assert deliver.described_as("%") == []


def test_what_is_found_by_recipient_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_FOUND", 1)
    failed("older", failed_at=timezone.now() - timedelta(days=1))
    newer = failed("newer")
    assert deliver.described_as(A) == [call(newer)]


@pytest.mark.parametrize("hook", [deliver.on_replay, deliver.on_discard, deliver.describe])
@pytest.mark.parametrize(
    "arguments", [((), {}), (("no id", 1), {}), ((None, []), {}), ((str(uuid4()),), {"x": 1})]
)
def test_arguments_that_are_no_mail_s_are_passed_over(
    hook: Callable[..., Any], arguments: Call
) -> None:
    row = failed()
    hook([arguments, call(row)])
    assert deliver.describe([arguments]) == [""]


def test_a_durable_run_that_finds_its_mail_failed_fails_too() -> None:
    """A crash between the mail's record and the task's: it may not count as done."""
    row = failed()
    with pytest.raises(MailRefused, match="550 full"):
        deliver_once(str(row.pk), 1, run_id=str(uuid4()))
    deliver_once(str(row.pk), 1)  # plain: a second message of one that has said so
    deliver_once(str(row.pk), 0, run_id=str(uuid4()))  # a newer one says so


def test_a_thousand_mails_wait_anew_in_few_statements() -> None:
    row = failed(refused={B: "550 full"})
    QueuedMail.objects.bulk_create(
        QueuedMail(
            **{"message_id": f"<{n}@x>", "sender": "s", "recipients": [A], "outstanding": []},
            **{"refused": {A: "550"}, "subject": "s", "content": b"x", "size_bytes": 1},
            **{"failed_at": timezone.now(), "error": "550 full"},
        )
        for n in range(1000)
    )
    each = [call(one) for one in QueuedMail.objects.all()]
    with CaptureQueriesContext(connection) as queries:
        failed_tasks.on_replay(None, each)
    assert QueuedMail.objects.waiting().count() == 1001
    assert now(row).outstanding == [A, B]
    assert len(queries) < 20


class BaseWithAFailedSet:
    """What a durable base task offers: its failed tasks, and rows in the caller's transaction."""

    durable = True

    def __init__(self, *failed: QueuedMail) -> None:
        self.failed = [call(row) for row in failed]
        self.asked_by: list[str] = []
        self.enqueued: list[Call] = []

    def replay_failed(self, each: list[Call], *, by: str) -> list[Call]:
        self.asked_by.append(by)
        found = [one for one in each if one in self.failed]
        failed_tasks.on_replay(self, found)
        return found

    def enqueue_many(self, each: list[Call], *, queue: str) -> None:
        assert connection.in_atomic_block
        assert queue == "mail"
        self.enqueued += each


def test_a_failed_mail_is_sent_again_by_its_failed_task_and_by_a_new_one_where_there_is_none() -> (
    None
):
    with_task, without = failed("with a failed task"), failed("whose task is lost")
    base = BaseWithAFailedSet(with_task)

    assert again.send_again(base, [with_task.pk, without.pk], by="Kim") == 2

    assert base.asked_by == ["Kim"]
    assert base.enqueued == [call(without, publication=2)]
    assert [now(row).state for row in (with_task, without)] == ["waiting", "waiting"]
    assert now(with_task).publication == 1


def test_a_durable_base_gets_the_delivery_within_the_transaction_and_the_broker_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = BaseWithAFailedSet()
    rows = [mail("one"), mail("two")]
    monkeypatch.setattr(publication, "publish", lambda *_: pytest.fail("the broker was asked"))
    with transaction.atomic():
        publication.enqueue(base, rows, using="default")
        publication.enqueue(base, [], using="default")
    assert base.enqueued == [call(row) for row in rows]
