"""Copied into a shop to which the README's examples were added: each does what it says."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from accounts.leaving import leave
from accounts.models import User
from accounts.signup import sign_up
from accounts.tasks import close
from config.celery import app
from config.tasks import forget_content_types
from django.db import transaction
from payments import tasks

from patterns.durable_tasks.testing import assert_enqueued, refute_enqueued, run_enqueued

pytestmark = pytest.mark.django_db(transaction=True)
KEYS: list[str] = []


@pytest.fixture
def user() -> User:
    return sign_up(email="pat@example.com", name="Pat", password="a-long-password")


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the other company's server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            KEYS.append(str(self.headers["Idempotency-Key"]))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(tasks, "NEWS_URL", f"http://127.0.0.1:{server.server_port}/")
    yield
    server.shutdown()
    server.server_close()


def test_the_task_is_enqueued_by_a_commit_and_runs(user: User) -> None:
    with transaction.atomic():
        close.delay(user.pk)
        transaction.set_rollback(True)
    refute_enqueued(close)
    close.delay(user.pk)
    run_enqueued(close)
    user.refresh_from_db()
    assert not user.is_active


def test_the_mail_is_a_task_beside_the_other(user: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "patterns.queued_mail.backend.EmailBackend"
    leave(user)
    assert_enqueued(close, args=[user.pk], count=1)
    assert_enqueued("queued_mail.deliver", queue="mail", count=1)


@pytest.mark.usefixtures("news")
def test_the_outside_is_called_once_with_its_key() -> None:
    for _ in range(2):
        tasks.unsubscribe.delay("pat@example.com")
        run_enqueued(tasks.unsubscribe)
    assert KEYS == ["unsubscribe-pat@example.com"]


def test_the_periodic_task_is_in_the_schedule_and_runs() -> None:
    entry = app.conf.beat_schedule["config.forget_content_types"]
    assert entry["task"] in app.tasks
    forget_content_types.delay()
    run_enqueued(forget_content_types)
    refute_enqueued(forget_content_types)
