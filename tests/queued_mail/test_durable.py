"""Mail on a durable base task: its task is a row beside the mail's, and both end together."""

import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from mail_shop.models import Order

from patterns.durable_tasks import sought
from patterns.durable_tasks.hooks import Hooks
from patterns.durable_tasks.models import Event, State, TaskRow
from patterns.durable_tasks.selection import Selection, rows
from patterns.queued_mail.models import QueuedMail
from patterns.queued_mail.tasks import OF_DELIVERY
from tests.processes import Process, Start
from tests.queued_mail.conftest import SMTPServer, eventually

SEND = """
import os, sys, django
django.setup()
from django.core.mail import EmailMessage
from django.db import transaction
from mail_shop.models import Order
from patterns.durable_tasks.models import Event
from patterns.durable_tasks.models import TaskRow
for name in sys.argv[2:]:
    with transaction.atomic():
        headers = {"Message-ID": f"<{name}@example.com>"}
        Order.objects.create(message_id=headers["Message-ID"])
        EmailMessage(name, "x", None, ["anna@example.com"], headers=headers).send()
        assert TaskRow.objects.filter(name="queued_mail.deliver").exists()  # not yet committed
        transaction.set_rollback(sys.argv[1] == "undo")
"""


@pytest.fixture
def durable(start: Start, start_worker: Start) -> Any:
    """The shop's processes with a durable base task."""

    class Durable:
        begin = staticmethod(partial(start, QUEUED_MAIL_TEST_DURABLE="1"))
        worker = staticmethod(partial(start_worker, QUEUED_MAIL_TEST_DURABLE="1"))

        def send(self, *names: str, end: str = "commit", **environment: str) -> None:
            sender = self.begin("-c", SEND, end, *names, **environment)
            assert sender.process.wait(60) == 0, sender.words

        def relay(self) -> Process:
            relay = self.begin("-m", "django", "relay")
            eventually(lambda: "relay: publishing" in relay.words or relay.process.poll())
            assert relay.process.poll() is None, relay.words
            return relay

    yield Durable()
    TaskRow.objects.all().delete()
    Event.objects.all().delete()


def child_of(worker: Process) -> int:
    def running() -> list[psutil.Process]:
        children = psutil.Process(worker.process.pid).children()
        return [each for each in children if each.status() != psutil.STATUS_ZOMBIE]

    pid: int = eventually(running)[0].pid
    return pid


def is_sent() -> bool:
    return QueuedMail.objects.filter(sent_at__isnull=False).exists()


def is_idle() -> bool:
    return not TaskRow.objects.exists()


def test_a_mail_and_its_task_commit_together_or_not_at_all(durable: Any) -> None:
    durable.send("undone", end="undo")
    assert (QueuedMail.objects.count(), TaskRow.objects.count()) == (0, 0)
    durable.send("one", "two", QUEUED_MAIL_TEST_BROKER="redis://127.0.0.1:1/0")  # nobody there
    assert TaskRow.objects.filter(name="queued_mail.deliver", queue="mail").count() == 2
    assert QueuedMail.objects.waiting().count() == 2


def test_the_task_of_a_mail_is_found_by_the_mail_s_recipient(
    durable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.send("one", "two", QUEUED_MAIL_TEST_BROKER="redis://127.0.0.1:1/0")
    QueuedMail.objects.filter(subject="two").update(recipients=["ben@example.com"])
    task = type("Deliver", (Hooks,), {"name": "queued_mail.deliver", **OF_DELIVERY})()
    monkeypatch.setattr(sought, "all_tasks", lambda: [task])
    [row] = rows(Selection(states=(State.READY,), text="BEN@example"), 10)
    assert str(QueuedMail.objects.get(subject="two").pk) in row.arguments


def test_a_frozen_broker_holds_up_no_mail(durable: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # it takes connections, never answers
        nobody.setblocking(False)
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        durable.send(*(f"mail{n}" for n in range(20)), QUEUED_MAIL_TEST_BROKER=url)
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert TaskRow.objects.count() == 20


def test_the_end_of_the_task_commits_with_the_record_of_the_sent_mail(
    durable: Any, smtp: SMTPServer
) -> None:
    durable.relay()
    durable.worker(smtp.port)
    durable.send("one")
    eventually(is_sent)
    assert Order.objects.get().is_mailed
    assert is_idle()  # at once: not a moment later
    assert len(smtp.mails) == 1


def test_a_mail_is_retried_by_its_row_until_the_mail_server_is_back(
    durable: Any, smtp_down: SMTPServer
) -> None:
    durable.relay()
    durable.worker(smtp_down.port)
    durable.send("one")
    eventually(lambda: TaskRow.objects.filter(retries__gte=2).exists())
    controller = smtp_down.start()
    eventually(is_sent)
    eventually(is_idle)
    controller.stop()
    assert len(smtp_down.mails) == 1


def test_a_mail_that_is_refused_is_in_the_failed_set_and_failed(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.replies_to_data = ["550 never"]
    durable.relay()
    durable.worker(smtp.port)
    durable.send("one")
    eventually(lambda: TaskRow.objects.filter(state=4).exists())
    assert QueuedMail.objects.get().state == "failed"
    assert "MailRefused" in TaskRow.objects.get().error


def test_a_worker_process_killed_at_the_mail_server_does_not_hold_up_its_mail(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.delay_seconds = 300.0
    durable.relay()
    worker = durable.worker(smtp.port)
    durable.send("one")
    eventually(lambda: smtp.offers == 1)
    os.kill(child_of(worker), signal.SIGKILL)
    smtp.delay_seconds = 0.0
    eventually(is_sent, seconds=120)  # the mail's own lease would last six minutes
    assert QueuedMail.objects.get().unanswered == 1


def test_a_worker_process_killed_between_acceptance_and_commit_is_the_one_window(
    durable: Any, smtp: SMTPServer, tmp_path: Path
) -> None:
    durable.relay()
    worker = durable.worker(smtp.port)
    durable.send("halts")
    eventually((tmp_path / "flag").exists)  # the receiver of `mail_sent` halts before the commit
    assert len(smtp.mails) == 1
    os.kill(child_of(worker), signal.SIGKILL)
    eventually(is_sent)
    first, second = smtp.mails
    assert first == second
    assert QueuedMail.objects.get().unanswered == 1  # the one that is counted


def test_a_mail_that_kills_its_processes_is_failed_in_its_row_too(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.delay_seconds = 300.0
    durable.relay()
    worker = durable.worker(smtp.port)
    durable.send("one")
    for n in range(5):
        eventually(lambda n=n: smtp.offers == n + 1)
        os.kill(child_of(worker), signal.SIGKILL)
    eventually(lambda: TaskRow.objects.filter(state=4).exists())
    mail = QueuedMail.objects.get()
    assert (mail.state, mail.attempts) == ("failed", 5)
    assert "died 5 times" in mail.error


REPLAY = """
import sys, django
django.setup()
from patterns.durable_tasks import failed
outcome = failed.replay(failed.Selection(), by="Kim (7)")
assert not outcome.left, outcome
print("replayed", outcome.done)
"""
SEND_AGAIN = """
import django
django.setup()
from mail_shop.celery import app
from patterns.queued_mail.again import send_again
from patterns.queued_mail.models import QueuedMail
from patterns.queued_mail.tasks import deliver
app.set_default()
ids = list(QueuedMail.objects.values_list("pk", flat=True))
print("again", send_again(deliver, ids, by="Kim (7)"))
"""


@pytest.mark.parametrize("side", [REPLAY, SEND_AGAIN], ids=["its task", "the mail"])
def test_a_failed_mail_is_sent_once_whichever_side_it_is_taken_from(
    durable: Any, smtp: SMTPServer, side: str
) -> None:
    smtp.replies_to_data = ["550 never"]
    durable.relay()
    durable.worker(smtp.port)
    durable.send("one")
    eventually(lambda: TaskRow.objects.filter(state=4).exists())
    row = TaskRow.objects.get()

    for _ in range(2):  # the second finds nothing to do
        asked = durable.begin("-c", side)
        assert asked.process.wait(60) == 0, asked.words
    eventually(is_sent)
    eventually(is_idle)

    assert len(smtp.mails) == 1
    assert list(Event.objects.filter(task_id=row.pk).order_by("pk").values_list("kind", "by")) == [
        ("failed", ""),
        ("replayed", "Kim (7)"),
        ("succeeded", ""),
    ]


CANCEL = """
import django
django.setup()
from patterns.durable_tasks.cancel import cancel
from patterns.durable_tasks.models import TaskRow
assert cancel(TaskRow.objects.values_list("pk", flat=True), by="Kim (7)")
"""


def ask(durable: Any, *codes: str) -> None:
    for code in codes:
        asked = durable.begin("-c", code)
        assert asked.process.wait(60) == 0, asked.words


def test_a_mail_cancelled_in_delivery_and_replayed_at_once_goes_out_once(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.delay_seconds = 300.0
    durable.relay()
    for _ in range(2):  # one is busy with the cancelled run, which nobody stops
        durable.worker(smtp.port, QUEUED_MAIL_TEST_SMTP_TIMEOUT="300")
    durable.send("one")
    eventually(lambda: smtp.offers == 1)

    ask(durable, CANCEL, REPLAY)
    eventually(lambda: TaskRow.objects.filter(retries__gte=1).exists())  # it looked, and waits
    smtp.go_on()

    eventually(is_sent)
    eventually(is_idle)
    assert (len(smtp.mails), smtp.offers) == (1, 1)


def test_a_mail_cancelled_in_delivery_and_discarded_is_sent_if_the_server_took_it(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.delay_seconds = 300.0
    durable.relay()
    durable.worker(smtp.port, QUEUED_MAIL_TEST_SMTP_TIMEOUT="300")
    durable.send("one")
    eventually(lambda: smtp.offers == 1)

    ask(durable, CANCEL, REPLAY.replace("failed.replay", "failed.discard"))
    assert QueuedMail.objects.get().state == "failed"
    smtp.go_on()

    eventually(is_sent)
    assert len(smtp.mails) == 1
    assert Order.objects.get().is_mailed


def test_a_failed_mail_whose_task_was_discarded_is_not_sent_again(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.replies_to_data = ["550 never"]
    durable.relay()
    durable.worker(smtp.port)
    durable.send("one")
    eventually(lambda: TaskRow.objects.filter(state=4).exists())
    ask(durable, REPLAY.replace("failed.replay", "failed.discard"), SEND_AGAIN)
    mail = QueuedMail.objects.get()
    assert (mail.state, bytes(mail.content)) == ("failed", b"")
    assert "what it said is deleted" in mail.error
    assert not TaskRow.objects.filter(state__lt=5).exists()


def test_a_task_whose_mail_is_deleted_stays_failed_and_says_why(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.replies_to_data = ["550 never"]
    durable.relay()
    durable.worker(smtp.port)
    durable.send("one")
    eventually(lambda: TaskRow.objects.filter(state=4).exists())
    QueuedMail.objects.update(content=b"")  # as clean-up does after a month

    asked = durable.begin("-c", REPLAY)

    assert asked.process.wait(60) == 1
    assert "What the mail said is deleted: send a new one instead." in asked.words
    assert TaskRow.objects.get().state == 4
