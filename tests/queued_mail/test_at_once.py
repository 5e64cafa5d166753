"""Failed mails that many people replay, and send again, at once go out once each."""

from typing import Any

from patterns.durable_tasks.models import Event, TaskRow
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer, eventually
from tests.queued_mail.test_durable import REPLAY, SEND_AGAIN, durable, is_idle

__all__ = ["durable"]

MAILS = 60


def test_replayed_and_sent_again_at_once_each_mail_goes_out_once(
    durable: Any, smtp: SMTPServer
) -> None:
    smtp.replies_to_data = ["550 never"] * MAILS
    durable.relay()
    durable.worker(smtp.port)
    durable.send(*(f"mail{n}" for n in range(MAILS)))
    eventually(lambda: TaskRow.objects.filter(state=4).count() == MAILS)
    ids = list(TaskRow.objects.values_list("pk", flat=True))

    asked = [durable.begin("-c", side) for side in (REPLAY, SEND_AGAIN) * 3]
    for each in asked:
        assert each.process.wait(60) == 0, each.words
    eventually(lambda: QueuedMail.objects.filter(sent_at__isnull=False).count() == MAILS)
    eventually(is_idle)

    assert len(smtp.mails) == MAILS
    for kind in ("replayed", "succeeded"):  # each by its own task: nobody made a second one
        assert Event.objects.filter(kind=kind, task_id__in=ids).count() == MAILS
