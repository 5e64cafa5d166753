"""Signups and orders become tasks of the shop, with the commit, and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from accounts.signals import user_signed_up
from analytics.celery import app as analytics_app
from analytics.receivers import forward
from development.testing import enqueued
from patterns.durable_tasks.models import QueueRow
from purchases.models import Order
from purchases.signals import order_placed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_committed_signup_is_forwarded_once() -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
    assert enqueued("default") == 1


def test_a_committed_order_is_forwarded_once() -> None:
    with transaction.atomic():
        order_placed.send(sender=Order, order=Order(id=uuid4()))
    assert enqueued("default") == 1


def test_a_rolled_back_signup_is_not_forwarded() -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
        transaction.set_rollback(True)
    assert enqueued("default") == 0


def test_a_full_queue_does_not_fail_what_an_event_tells_of() -> None:
    QueueRow.objects.create(name="default", is_full=True)
    with transaction.atomic():
        forward("user_signed_up")
        User.objects.create_user(email="pat@example.com")
    assert User.objects.count() == 1
    assert enqueued("default") == 0


def test_an_error_of_the_database_does_not_break_the_caller_s_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr("analytics.tasks.forward_event.delay", fail)
    with pytest.raises(DatabaseError):
        fail()
    with transaction.atomic():
        forward("user_signed_up")
        User.objects.create_user(email="pat@example.com")
    assert User.objects.count() == 1


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Stand where the analytics broker is expected, and see who knocks."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        for name in ("broker_url", "broker_write_url", "broker_read_url"):
            monkeypatch.setattr(analytics_app.conf, name, url)
        yield listener


def test_a_signup_does_not_talk_to_the_analytics_broker(listener: socket.socket) -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
    assert enqueued("default") == 1
    with pytest.raises(BlockingIOError):
        listener.accept()
