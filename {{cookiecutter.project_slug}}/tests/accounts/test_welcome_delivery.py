"""The welcome mail's whole way: signup, row, broker, worker, SMTP server."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from time import monotonic, sleep
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings
from redis import Redis

from accounts.models import User
from accounts.signup import sign_up
from config.celery import app
from development.testing import SmtpServer
from patterns.queued_mail.models import QueuedMail

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE_SECONDS = 60  # the worker and everything else share this machine
FROZEN_SECONDS = 4  # longer than the relay's patience: it gives up the connection


@pytest.fixture(autouse=True)
def _queued_mail(settings: Settings, broker_url: str) -> None:
    """Take back what pytest-django does to the mail backend."""
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"


def test_a_signup_s_welcome_reaches_the_person_by_name(
    client: Client,
    smtp_server: SmtpServer,
    celery_worker_process: Callable[..., object],
) -> None:
    celery_worker_process("mail")

    client.post(
        "/accounts/signup/",
        {"email": '"O\'Hara, Pat 🎉" <pat+shop@Café.example>', "password": "correct horse"},
    )

    [envelope] = delivered(smtp_server, 1)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    [recipient] = mail["To"].addresses
    assert envelope.rcpt_tos == ["pat+shop@xn--caf-dma.example"]
    assert recipient.addr_spec == "pat+shop@xn--caf-dma.example"
    assert recipient.display_name == "O'Hara, Pat 🎉"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def delivered(server: SmtpServer, number: int) -> list[Any]:
    deadline = monotonic() + DEADLINE_SECONDS
    while len(server.messages) < number:
        assert monotonic() < deadline, f"{len(server.messages)} of {number} mails came"
        sleep(0.05)
    return server.messages


def test_a_signup_does_not_wait_for_a_frozen_broker_and_its_mail_goes_out_afterwards(
    client: Client,
    smtp_server: SmtpServer,
    celery_worker_process: Callable[..., object],
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    celery_worker_process("mail")
    # The web server's: an attempt to reach the broker would take much longer than all else.
    monkeypatch.setitem(app.conf.broker_transport_options, "socket_timeout", 2 * DEADLINE_SECONDS)
    with frozen(broker_url):
        started = monotonic()
        response = client.post(
            "/accounts/signup/", {"email": "pat@example.com", "password": "correct horse"}
        )
        seconds = monotonic() - started
        sleep(FROZEN_SECONDS)

    assert response.headers["Location"] == "/"
    assert seconds < DEADLINE_SECONDS, "one attempt to reach the broker takes twice as long"
    [envelope] = delivered(smtp_server, 1)
    assert envelope.rcpt_tos == ["pat@example.com"]


@contextmanager
def frozen(broker_url: str) -> Iterator[None]:
    with Redis.from_url(broker_url) as broker:
        process_id = int(broker.info("server")["process_id"])
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_a_rolled_back_signup_leaves_no_mail_to_send() -> None:
    with transaction.atomic():
        sign_up(email="pat@example.com", name="Pat", password="correct horse")
        assert QueuedMail.objects.count() == 1
        transaction.set_rollback(True)

    assert not User.objects.exists()
    assert not QueuedMail.objects.exists()


def test_a_signup_whose_mail_cannot_be_kept_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.signup.send_welcome", Mock(side_effect=RuntimeError("no room")))

    with pytest.raises(RuntimeError, match="no room"):
        sign_up(email="pat@example.com", name="Pat", password="correct horse")

    assert not User.objects.exists()
