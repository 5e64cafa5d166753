"""The mail with the reset link, as it waits to be sent."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.signup import sign_up
from patterns.durable_tasks.models import TaskRow
from patterns.queued_mail.models import QueuedMail

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _queued_mail(settings: Settings) -> None:
    """Take back what pytest-django does to the mail backend."""
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"


def ask(client: Client) -> str:
    sign_up(email="pat@example.com", name="Pat", password="correct horse")
    page = client.post("/accounts/password/reset/", {"email": "pat@example.com"}, follow=True)
    return page.content.decode()


def test_a_reset_mail_expires_with_its_link(client: Client, settings: Settings) -> None:
    settings.PASSWORD_RESET_TIMEOUT = 3600

    ask(client)

    mail = QueuedMail.objects.get(subject__startswith="Your password")
    assert mail.expires_at is not None
    assert timedelta(minutes=59) < mail.expires_at - timezone.now() <= timedelta(hours=1)
    assert QueuedMail.objects.get(subject__startswith="Welcome").expires_at is None


def test_a_mail_and_its_task_are_rows_of_one_transaction(client: Client) -> None:
    ask(client)

    tasks = TaskRow.objects.filter(name="queued_mail.deliver", queue="mail")
    assert tasks.count() == QueuedMail.objects.count() == 2


def test_a_reset_whose_mail_cannot_be_kept_answers_as_always(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_room = Mock(side_effect=RuntimeError("no room"))
    monkeypatch.setattr("accounts.forms.send_password_reset", no_room)

    assert "a mail with a link is on its way" in ask(client)

    assert "no room" in caplog.text
