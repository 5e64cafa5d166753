"""A session with the database ends at each statement of a delivery in turn."""

from contextlib import suppress

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from mail_shop.models import Order
from messages import plain

from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import MailNotDelivered
from patterns.queued_mail.models import QueuedMail
from tests.lost_sessions import WHEN, Fault, faults
from tests.queued_mail.conftest import SMTPServer

NOT_YET = (OperationalError, InterfaceError, MailNotDelivered)


@pytest.mark.parametrize("when", WHEN)
def test_a_session_that_ends_at_any_statement_neither_loses_nor_doubles_a_mail(
    when: str, smtp: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults(monkeypatch, when, fewest=6):
        Order.objects.create(message_id="<fixed@example.com>")
        plain().send()
        mail, before = QueuedMail.objects.get(), len(smtp.mails)
        while QueuedMail.objects.waiting().exists():
            deliver(mail, fault)
            mail.refresh_from_db()
            assert mail.attempts <= 2, f"at statement {fault.at}"
        assert (mail.state, len(smtp.mails) - before) == ("sent", 1), f"at statement {fault.at}"
        assert Order.objects.get().is_mailed
        QueuedMail.objects.all().delete()
        Order.objects.all().delete()


def deliver(mail: QueuedMail, fault: Fault) -> None:
    """Run the task once, when no lease is in its way."""
    QueuedMail.objects.filter(leased_until__isnull=False).update(leased_until=timezone.now())
    with fault.armed(), suppress(*NOT_YET):
        deliver_once(str(mail.pk), mail.publication)
    connection.close_if_unusable_or_obsolete()  # as Celery does after each task
