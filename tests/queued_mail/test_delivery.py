"""What becomes of a stored mail at a mail server that answers this or that."""

import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import django
import pytest
from django.core.mail import EmailMessage
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from mail_shop.models import Order
from messages import make, plain

from patterns.queued_mail import ending, tasks
from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import MailNotDelivered, MailRefused, ReceiverFailed
from patterns.queued_mail.leases import take
from patterns.queued_mail.models import QueuedMail
from patterns.queued_mail.signals import mail_sent
from patterns.queued_mail.smtp import EmailBackend, RefusalsKept
from patterns.queued_mail.transport import offer
from tests.queued_mail.conftest import SMTPServer, deliver_to, eventually
from tests.servers import DEADLINE_SECONDS


def stored(**options: Any) -> QueuedMail:
    plain(**options).send()
    return QueuedMail.objects.get()


def deliver(mail: QueuedMail) -> None:
    try:
        deliver_once(str(mail.pk), mail.publication)
    finally:
        mail.refresh_from_db()


def test_a_sent_mail_is_recorded_with_what_its_receivers_write(smtp: SMTPServer) -> None:
    Order.objects.create(message_id="<fixed@example.com>")
    mail = stored()
    deliver(mail)
    assert (mail.state, mail.attempts, mail.outstanding) == ("sent", 1, [])
    assert Order.objects.get().is_mailed
    assert len(smtp.mails) == 1


def test_a_mail_that_is_sent_is_not_sent_again_by_a_second_message(smtp: SMTPServer) -> None:
    mail = stored()
    deliver(mail)
    deliver(mail)
    assert smtp.offers == 1
    assert mail.attempts == 1


@contextmanager
def delivering(mail: QueuedMail, smtp: SMTPServer) -> Iterator[list[BaseException]]:
    """Let another thread deliver, and the server take its time until the block ends."""
    raised: list[BaseException] = []
    smtp.delay_seconds = DEADLINE_SECONDS

    def deliver_elsewhere() -> None:
        try:
            deliver_once(str(mail.pk), mail.publication)
        except Exception as error:
            raised.append(error)
        connection.close()

    thread = threading.Thread(target=deliver_elsewhere)
    thread.start()
    eventually(lambda: smtp.offers)
    try:
        yield raised
    finally:
        smtp.go_on()
        thread.join()


def test_a_mail_being_delivered_is_left_alone_by_a_second_message(smtp: SMTPServer) -> None:
    mail = stored()
    with delivering(mail, smtp):
        with pytest.raises(MailNotDelivered, match="being delivered until") as caught:
            deliver(mail)
        assert caught.value.is_permanent is False  # it looks again: the other one may die
    assert len(smtp.mails) == 1
    deliver(mail)
    assert smtp.offers == 1
    assert mail.state == "sent"


def test_no_transaction_is_open_while_the_mail_server_is_spoken_to(smtp: SMTPServer) -> None:
    with delivering(stored(), smtp), connection.cursor() as cursor:

        def states() -> list[tuple[str]]:
            cursor.execute(
                "SELECT state FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database() AND backend_type = 'client backend'"
            )
            return cursor.fetchall()

        eventually(lambda: states() == [("idle",)])  # the test's before may still be ending


def test_an_answer_that_comes_after_another_took_over_is_not_recorded(
    smtp: SMTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail = stored()
    others = uuid4()
    with delivering(mail, smtp) as raised:
        QueuedMail.objects.update(lease=others)
    [error] = raised
    assert isinstance(error, MailNotDelivered)
    mail.refresh_from_db()
    assert (mail.state, mail.lease, mail.error) == ("waiting", others, "")
    assert "a copy may be out" in caplog.text


def test_a_mail_whose_delivery_died_is_delivered_after_its_lease_and_the_attempt_counted(
    smtp: SMTPServer,
) -> None:
    mail = stored()
    died = {"lease": uuid4(), "leased_by": "task 1", "attempts": 1}
    QueuedMail.objects.update(leased_until=timezone.now() + timedelta(minutes=1), **died)
    for run_id in ("", "task 2"):
        with pytest.raises(MailNotDelivered, match="being delivered"):
            deliver_once(str(mail.pk), 1, run_id=run_id)
    QueuedMail.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    deliver(mail)
    assert (mail.state, mail.attempts, mail.unanswered) == ("sent", 2, 1)
    assert (mail.lease, mail.leased_until, mail.leased_by) == (None, None, "")


def test_a_task_that_nobody_else_runs_need_not_wait_for_its_own_dead_attempt(
    smtp: SMTPServer,
) -> None:
    mail = stored()
    later = timezone.now() + timedelta(minutes=1)
    QueuedMail.objects.update(lease=uuid4(), leased_until=later, leased_by="task 1", attempts=1)
    deliver_once(str(mail.pk), 1, run_id="task 1")
    mail.refresh_from_db()
    assert (mail.state, mail.unanswered) == ("sent", 1)


def test_the_lease_lasts_as_long_as_is_set(smtp: SMTPServer, settings: Any) -> None:
    settings.QUEUED_MAIL_LEASE_SECONDS = 77
    with delivering(stored(), smtp):
        until = QueuedMail.objects.get().leased_until
        assert until is not None
        assert timedelta(seconds=60) < until - timezone.now() <= timedelta(seconds=77)


def test_a_sent_mail_is_recorded_within_what_completes_its_task(
    smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "RECORD_FOR_SECONDS", 0)
    mail = stored()

    @contextmanager
    def completing() -> Iterator[None]:
        with transaction.atomic():
            yield
            assert QueuedMail.objects.get().state == "sent"
            raise OperationalError("the task's own row cannot be deleted")

    with pytest.raises(OperationalError, match="own row"):
        deliver_once(str(mail.pk), 1, completing=completing)
    mail.refresh_from_db()
    assert mail.state == "waiting"
    assert bytes(mail.content)


@pytest.mark.parametrize("answer", ["451 later", "421 closing", "452 full"])
def test_an_answer_of_4xx_is_worth_another_attempt(answer: str, smtp: SMTPServer) -> None:
    mail = stored()
    smtp.replies_to_data = [answer]
    with pytest.raises(MailNotDelivered, match=answer[:3]) as caught:
        deliver(mail)
    assert caught.value.is_permanent is False
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert answer[:3] in mail.error
    deliver(mail)
    assert (mail.state, mail.attempts, mail.error) == ("sent", 2, "")


def test_an_answer_of_5xx_is_a_failure_at_once_and_recorded(smtp: SMTPServer) -> None:
    mail = stored()
    smtp.replies_to_data = ["554 no spam, please"]
    with pytest.raises(MailRefused, match="554 no spam") as caught:
        deliver(mail)
    assert caught.value.is_permanent
    assert not isinstance(caught.value, OSError)
    assert (mail.state, mail.error) == ("failed", "554 no spam, please")
    assert bytes(mail.content) != b""
    deliver(mail)
    assert smtp.offers == 1


def test_a_server_that_is_down_is_worth_another_attempt(
    smtp_down: SMTPServer, settings: Any
) -> None:
    mail = stored()
    with pytest.raises(MailNotDelivered, match="cannot be used: ConnectionRefusedError"):
        deliver(mail)
    assert mail.state == "waiting"
    controller = smtp_down.start()
    deliver(mail)
    assert mail.state == "sent"
    controller.stop()


def test_a_server_that_is_slower_than_the_timeout_is_worth_another_attempt(
    smtp: SMTPServer, settings: Any
) -> None:
    mail = stored()
    smtp.delay_seconds, smtp.takes_before_it_waits = DEADLINE_SECONDS, True
    deliver_to(settings, smtp.port, timeout=0.5)
    with pytest.raises(MailNotDelivered, match=r"(?i)time"):
        deliver(mail)
    assert (mail.state, mail.unanswered, mail.died) == ("waiting", 1, 0)
    smtp.go_on()
    deliver_to(settings, smtp.port)
    deliver(mail)
    assert (mail.state, mail.unanswered) == ("sent", 1)
    assert len(smtp.mails) == 2  # the one that is counted


def test_a_slow_server_does_not_count_as_a_death_of_the_worker(
    smtp: SMTPServer, settings: Any
) -> None:
    mail = stored()
    QueuedMail.objects.update(unanswered=20)
    deliver(mail)
    assert (mail.state, mail.unanswered) == ("sent", 20)


def test_an_answer_leaves_no_second_copy_to_count(smtp: SMTPServer) -> None:
    mail = stored()
    smtp.replies_to_data = ["451 later"]
    with pytest.raises(MailNotDelivered):
        deliver(mail)
    assert mail.unanswered == 0


def test_a_server_that_talks_nonsense_after_it_took_the_mail_has_taken_it(smtp: SMTPServer) -> None:
    mail = stored()
    smtp.reply_to_quit = "221 " + "x" * 9000  # longer than smtplib reads
    deliver(mail)
    assert mail.state == "sent"


def test_refusals_are_kept_over_tls_too() -> None:
    options = {"host": "x", "use_ssl": True}
    tls = (
        EmailBackend(alias="x", **options) if django.VERSION >= (6, 1) else EmailBackend(**options)
    )
    assert issubclass(tls.connection_class, RefusalsKept)
    assert issubclass(tls.connection_class, smtplib.SMTP_SSL)


def test_wrong_credentials_do_not_fail_the_mails(smtp: SMTPServer, settings: Any) -> None:
    mail = stored()
    deliver_to(settings, smtp.port, username="me", password="wrong")
    with pytest.raises(MailNotDelivered, match="cannot be used"):
        deliver(mail)
    assert mail.state == "waiting"


def test_a_server_that_wants_a_login_first_does_not_fail_the_mails(
    smtp_down: SMTPServer,
) -> None:
    mail = stored()
    smtp_down.wants_login = True  # no login is configured, so it says 530 to MAIL FROM
    controller = smtp_down.start()
    with pytest.raises(MailNotDelivered, match="530"):
        deliver(mail)
    controller.stop()
    assert (mail.state, mail.unanswered) == ("waiting", 0)


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_recipients_that_need_a_login_first_are_tried_again(smtp: SMTPServer, code: int) -> None:
    mail = stored(to=["anna@example.com", "bert@example.com"])
    smtp.replies_to_recipients = dict.fromkeys(mail.recipients, f"{code} log in first")
    with pytest.raises(MailNotDelivered, match=str(code)):
        deliver(mail)
    assert (mail.state, mail.refused) == ("waiting", {})
    smtp.replies_to_recipients = {}
    deliver(mail)
    assert smtp.mails[0][1] == mail.recipients


def test_a_mail_discarded_while_it_is_delivered_is_sent_if_the_server_took_it(
    smtp: SMTPServer,
) -> None:
    mail = stored()
    with delivering(mail, smtp) as raised:
        tasks.deliver.on_discard([((str(mail.pk), 1), {})])
        mail.refresh_from_db()
        assert (mail.state, bytes(mail.content)) == ("failed", b"")
    mail.refresh_from_db()
    assert (raised, mail.state, mail.error) == ([], "sent", "")


def test_a_mail_discarded_while_it_is_delivered_stays_so_if_the_server_did_not_take_it(
    smtp: SMTPServer,
) -> None:
    mail = stored()
    smtp.replies_to_data = ["451 later"]
    with delivering(mail, smtp) as raised:
        tasks.deliver.on_discard([((str(mail.pk), 1), {})])
    mail.refresh_from_db()
    assert [type(error) for error in raised] == [MailNotDelivered]
    assert (mail.state, mail.lease) == ("failed", None)
    assert "Its task was discarded" in mail.error


def test_a_mail_discarded_before_it_is_offered_is_not_sent_empty(smtp: SMTPServer) -> None:
    mail = take(str(stored().pk))
    assert mail is not None
    tasks.deliver.on_discard([((str(mail.pk), 1), {})])
    with pytest.raises(MailRefused, match="deleted"):
        offer(mail)
    assert smtp.offers == 0


def test_a_mail_that_is_out_is_a_sent_one_though_its_task_is_another_run_s(
    smtp: SMTPServer,
) -> None:
    Order.objects.create(message_id="<fixed@example.com>")
    mail = stored()

    @contextmanager
    def completing() -> Iterator[None]:
        with transaction.atomic():
            yield
            raise RuntimeError("the task was cancelled")

    with pytest.raises(RuntimeError, match="was cancelled"):
        deliver_once(str(mail.pk), 1, run_id="task 1", completing=completing)
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert Order.objects.get().is_mailed


def test_recipients_refused_for_good_are_recorded_and_the_others_get_the_mail(
    smtp: SMTPServer,
) -> None:
    mail = stored(to=["anna@example.com", "gone@example.com"])
    smtp.replies_to_recipients = {"gone@example.com": "550 no such user"}
    deliver(mail)
    assert mail.state == "sent"
    assert mail.refused == {"gone@example.com": "550 no such user"}
    assert smtp.mails[0][1] == ["anna@example.com"]


def test_recipients_asked_to_wait_are_tried_again_without_the_others(smtp: SMTPServer) -> None:
    mail = stored(to=["anna@example.com", "grey@example.com", "gone@example.com"])
    smtp.replies_to_recipients = {
        "grey@example.com": "450 greylisted",
        "gone@example.com": "550 no such user",
    }
    with pytest.raises(MailNotDelivered, match="450 greylisted"):
        deliver(mail)
    assert (mail.state, mail.outstanding) == ("waiting", ["grey@example.com"])
    smtp.replies_to_recipients = {}
    deliver(mail)
    assert [recipients for _, recipients, _ in smtp.mails] == [
        ["anna@example.com"],
        ["grey@example.com"],
    ]
    assert (mail.state, list(mail.refused)) == ("sent", ["gone@example.com"])


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (["550 gone", "550 gone"], MailRefused),
        (["450 later", "550 gone"], MailNotDelivered),
        (["421 closing", "550 gone"], MailNotDelivered),
    ],
)
def test_a_mail_refused_for_all_fails_unless_one_of_them_may_still_get_it(
    smtp: SMTPServer, answers: list[str], error: type[Exception]
) -> None:
    mail = stored(to=["a@example.com", "b@example.com"])
    smtp.replies_to_recipients = dict(zip(mail.recipients, answers, strict=True))
    with pytest.raises(error):
        deliver(mail)
    assert smtp.mails == []
    assert mail.state == ("failed" if error is MailRefused else "waiting")
    if error is MailNotDelivered:
        smtp.replies_to_recipients = {}
        deliver(mail)
        assert mail.state == "sent"
        assert "a@example.com" in smtp.mails[0][1]


def test_a_mail_is_given_up_when_it_was_tried_for_long_enough(
    smtp: SMTPServer, settings: Any
) -> None:
    settings.QUEUED_MAIL_GIVE_UP_AFTER_HOURS = 24
    mail = stored()
    smtp.replies_to_data = ["451 later"] * 3
    QueuedMail.objects.update(enqueued_at=timezone.now() - timedelta(hours=48))
    with pytest.raises(MailNotDelivered):  # the broker was away, not the mail server: still new
        deliver(mail)
    QueuedMail.objects.update(first_attempt_at=timezone.now() - timedelta(hours=23))
    with pytest.raises(MailNotDelivered):
        deliver(mail)
    QueuedMail.objects.update(first_attempt_at=timezone.now() - timedelta(hours=25))
    with pytest.raises(MailRefused, match="Given up after 3 attempts"):
        deliver(mail)
    assert mail.state == "failed"


def test_only_the_newest_task_message_is_retried(smtp: SMTPServer) -> None:
    mail = stored()
    smtp.replies_to_data = ["451 later"] * 2
    QueuedMail.objects.update(publication=2)
    deliver_once(
        str(mail.pk), 1
    )  # an older one fails in silence: the newer one has its own retries
    assert smtp.offers == 1
    with pytest.raises(MailNotDelivered):
        deliver_once(str(mail.pk), 2)
    deliver_once(str(mail.pk), 1)  # but it may deliver
    assert len(smtp.mails) == 1


def test_a_receiver_that_raises_loses_its_own_changes_and_not_the_record(smtp: SMTPServer) -> None:
    Order.objects.create(message_id="<raises@example.com>")
    mail = stored(headers={"Message-ID": "<raises@example.com>"})
    with pytest.raises(ReceiverFailed, match="this receiver is broken") as caught:
        deliver(mail)
    assert caught.value.is_permanent
    assert mail.state == "sent"
    assert not Order.objects.get().is_mailed


def test_the_signal_is_sent_within_the_transaction_that_records(smtp: SMTPServer) -> None:
    seen = []

    def look(sender: Any, message_id: str, **_: Any) -> None:
        seen.append((connection.in_atomic_block, QueuedMail.objects.get().state, message_id))

    mail_sent.connect(look)
    deliver(stored())
    mail_sent.disconnect(look)
    assert seen == [(True, "sent", "<fixed@example.com>")]


def test_a_delivery_within_another_transaction_is_refused(smtp: SMTPServer) -> None:
    mail = stored()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        deliver(mail)
    assert smtp.offers == 0


def test_a_mail_of_no_known_id_is_nothing_to_do() -> None:
    deliver_once("00000000-0000-4000-8000-000000000000", 1)


def test_a_broken_delivery_setting_loses_no_mail(settings: Any) -> None:
    mail = stored()
    settings.QUEUED_MAIL_DELIVERY_BACKEND = "no.such.backend"
    with pytest.raises(MailNotDelivered, match="cannot be used"):
        deliver(mail)
    assert mail.state == "waiting"


@pytest.mark.filterwarnings("ignore:.*MAILERS")  # said of each EMAIL_* setting on Django 6.1
def test_a_project_that_has_no_mailers_yet_delivers_by_its_email_settings(
    settings: Any, smtp: SMTPServer
) -> None:
    if hasattr(settings, "MAILERS"):
        del settings.MAILERS
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp.port
    mail = stored()
    deliver(mail)
    assert (mail.state, len(smtp.mails)) == ("sent", 1)


@pytest.mark.parametrize("kind", ["console", "filebased", "locmem"])
def test_other_backends_of_django_deliver_too(
    kind: str, settings: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = stored()
    path = f"django.core.mail.backends.{kind}.EmailBackend"
    if hasattr(settings, "MAILERS"):
        options = {"file_path": str(tmp_path)} if kind == "filebased" else {}
        settings.MAILERS = {**settings.MAILERS, "delivery": {"BACKEND": path, "OPTIONS": options}}
    else:
        settings.EMAIL_FILE_PATH = str(tmp_path)
        settings.QUEUED_MAIL_DELIVERY_BACKEND = path
    deliver(mail)
    assert mail.state == "sent"
    if kind == "console":
        assert "How are you?" in capsys.readouterr().out
    if kind == "filebased":
        assert b"How are you?" in next(tmp_path.glob("*.log")).read_bytes()


def test_a_backend_that_took_nothing_and_says_no_more_is_tried_again(
    smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = stored()
    monkeypatch.setattr(EmailBackend, "send_messages", lambda self, messages: 0)
    with pytest.raises(MailNotDelivered, match="took nothing and gave no reason"):
        deliver(mail)
    assert mail.state == "waiting"


def test_the_task_completes_by_what_its_base_task_offers(
    smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = stored()
    completed = []

    @contextmanager
    def completing() -> Iterator[None]:
        with transaction.atomic():
            yield
            completed.append(QueuedMail.objects.get().state)

    monkeypatch.setattr(tasks.deliver, "completing", completing, raising=False)
    tasks.deliver(str(mail.pk), mail.publication)
    assert completed == ["sent"]


def test_a_mail_that_kills_its_workers_is_a_failed_one_after_five_of_them(smtp: SMTPServer) -> None:
    mail = stored()
    died = {"lease": uuid4(), "leased_until": timezone.now() - timedelta(seconds=1)}
    QueuedMail.objects.update(unanswered=3, died=3, **died)
    smtp.replies_to_data = ["451 later"]
    with pytest.raises(MailNotDelivered):
        deliver(mail)
    QueuedMail.objects.update(**died)
    with pytest.raises(MailRefused, match="died 5 times"):
        deliver(mail)
    assert mail.state == "failed"
    assert smtp.offers == 1


def test_an_empty_body_arrives(smtp: SMTPServer) -> None:
    make(EmailMessage, "", "").send()
    deliver(QueuedMail.objects.get())
    assert smtp.mails[0][2].endswith(b"\r\n\r\n")


def test_a_receiver_that_meets_a_lock_of_its_own_is_not_called_again(
    smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it does outside before that would be repeated, as for a database that is away."""
    monkeypatch.setattr(ending, "PAUSE_SECONDS", 0)
    called: list[str] = []

    def receiver(message_id: str, **_: Any) -> None:
        called.append(message_id)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(1)")

    mail = stored()
    mail_sent.connect(receiver)
    try:
        with pytest.raises(ReceiverFailed, match="statement timeout"):
            deliver(mail)
    finally:
        mail_sent.disconnect(receiver)
    assert (len(called), mail.state) == (1, "sent")
