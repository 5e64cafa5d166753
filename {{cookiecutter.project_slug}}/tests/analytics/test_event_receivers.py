"""Signups and orders become tasks on the shop's broker, after the commit, and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.db import transaction

from accounts.models import User
from accounts.signals import user_signed_up
from analytics.celery import app as analytics_app
from analytics.receivers import forward_after_commit
from config.celery import app as shop_app
from purchases.models import Order
from purchases.signals import order_placed

pytestmark = pytest.mark.django_db(transaction=True)


def forwarded(broker_url: str) -> int:
    with redis.Redis.from_url(broker_url) as broker:
        return int(broker.llen("default"))


def test_a_committed_signup_is_forwarded_once(broker_url: str) -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
        assert forwarded(broker_url) == 0, "before the commit"
    assert forwarded(broker_url) == 1


def test_a_committed_order_is_forwarded_once(broker_url: str) -> None:
    with transaction.atomic():
        order_placed.send(sender=Order, order=Order(id=uuid4()))
    assert forwarded(broker_url) == 1


def test_a_rolled_back_signup_is_not_forwarded(broker_url: str) -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
        transaction.set_rollback(True)
    assert forwarded(broker_url) == 0


def test_an_event_that_cannot_be_enqueued_does_not_fail_what_it_tells_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("the shop's broker is away")

    monkeypatch.setattr(shop_app, "send_task", refuse)
    monkeypatch.setattr("analytics.tasks.forward_event.apply_async", refuse)
    with transaction.atomic():
        forward_after_commit("user_signed_up")
    forward_after_commit("user_signed_up")  # outside a transaction too


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Stand where the analytics broker is expected, and see who knocks."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        for name in ("broker_url", "broker_write_url", "broker_read_url"):
            monkeypatch.setattr(analytics_app.conf, name, url)
        yield listener


def test_a_signup_does_not_talk_to_the_analytics_broker(
    listener: socket.socket, broker_url: str
) -> None:
    with transaction.atomic():
        user_signed_up.send(sender=User, user=User())
    assert forwarded(broker_url) == 1
    with pytest.raises(BlockingIOError):
        listener.accept()
