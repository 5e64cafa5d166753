"""A mail that is of no use any more does not go out, and one can see that."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from messages import plain

from patterns.queued_mail.delivery import deliver_once
from patterns.queued_mail.errors import MailNotAccepted, MailNotDelivered
from patterns.queued_mail.models import QueuedMail
from tests.queued_mail.conftest import SMTPServer

SOON = timedelta(minutes=5)


def stored(**attributes: Any) -> QueuedMail:
    message = plain()
    for name, value in attributes.items():
        setattr(message, name, value)
    message.send()
    return QueuedMail.objects.get()


def deliver(mail: QueuedMail) -> None:
    try:
        deliver_once(str(mail.pk), mail.publication)
    finally:
        mail.refresh_from_db()


def test_a_mail_that_has_expired_is_not_sent_and_is_recorded(
    smtp: SMTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail = stored(expires_in=timedelta(0))
    deliver(mail)
    assert smtp.offers == 0
    assert (mail.state, mail.attempts, bytes(mail.content)) == ("expired", 0, b"")
    assert "Expired at" in mail.error
    assert "is not sent" in caplog.text
    deliver(mail)
    assert smtp.offers == 0


def test_a_mail_within_its_time_is_sent(smtp: SMTPServer) -> None:
    mail = stored(expires_at=timezone.now() + SOON)
    deliver(mail)
    assert mail.state == "sent"


def test_a_mail_that_expires_between_two_attempts_is_not_tried_again(smtp: SMTPServer) -> None:
    mail = stored(expires_in=SOON)
    smtp.replies_to_data = ["451 later"]
    with pytest.raises(MailNotDelivered):
        deliver(mail)
    QueuedMail.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    deliver(mail)
    assert smtp.offers == 1
    assert mail.state == "expired"


def test_the_time_within_which_begins_when_the_mail_is_sent() -> None:
    expires_at = stored(expires_in=SOON).expires_at
    assert expires_at is not None
    assert SOON - timedelta(minutes=1) < expires_at - timezone.now() <= SOON


@pytest.mark.parametrize(
    "attributes",
    [
        {"expires_in": 300},
        {"expires_at": datetime(2026, 1, 1)},
        {"expires_at": "tomorrow"},
        {"expires_in": SOON, "expires_at": timezone.now()},
    ],
)
def test_an_expiry_that_is_none_is_refused_at_the_call(attributes: dict[str, Any]) -> None:
    with pytest.raises(MailNotAccepted, match="expires_"):
        stored(**attributes)
    assert not QueuedMail.objects.exists()


def test_an_expired_mail_is_listed_as_such_and_not_sent_again(smtp: SMTPServer) -> None:
    User.objects.create_superuser("boss", "boss@example.com", "secret")
    client = Client()
    client.login(username="boss", password="secret")
    mail = stored(expires_in=timedelta(0))
    deliver(mail)
    path = "/admin/queued_mail/queuedmail/"
    assert "Expired at" in client.get(f"{path}?state=expired").content.decode()
    chosen = {"action": "send_again", "_selected_action": [str(mail.pk)]}
    client.post(path, chosen)
    mail.refresh_from_db()
    assert mail.state == "expired"
