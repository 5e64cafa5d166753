"""The relay's connection: other brokers than Redis, and one that answers with an error."""

import logging
from typing import Any

import pytest
import redis
from celery import Celery
from development.server import Server
from django.db import OperationalError, connection
from durable_shop import tasks
from durable_shop.celery import app
from kombu import Exchange, Queue

from patterns.durable_tasks import marking, publication
from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.broker import Broker
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.messages import ids
from tests.durable_tasks.test_publication import enqueue, relay

__all__ = ["relay"]  # a fixture


@pytest.fixture
def in_memory() -> Celery:
    """An app whose broker takes messages one by one, and is no Redis."""
    app = DurableCelery("memory", broker_url="memory://", set_as_current=False)
    app.conf.task_default_queue = "default"
    return app


def test_a_broker_that_takes_messages_one_by_one_is_published_to_all_the_same(
    in_memory: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    QueueRow.objects.create(name="default")
    sent = enqueue(3)
    relay = Relay(in_memory)
    relay.turn()
    assert "takes messages one by one" in caplog.text
    with in_memory.connection_for_read() as kombus, kombus.SimpleQueue("default") as queue:
        taken = [queue.get_nowait().headers["id"] for _ in sent]
    relay.broker.close()
    assert taken == sent


def test_what_a_broker_raises_at_one_message_leaves_all_of_them_to_be_looked_for(
    in_memory: Celery, relay: Relay
) -> None:
    """Given messages that travel one by one: nobody knows of the one that was on its way."""
    enqueue(2)
    broker = Broker(in_memory)
    producer = broker.producer()

    def breaks(*args: Any, **kwargs: Any) -> None:
        raise ConnectionResetError("on its way")

    producer.publish = breaks
    marked = marking.mark("default")
    with pytest.raises(ConnectionResetError):
        publication.publish(in_memory, producer, broker.target("default"), marked, broker.errors())
    broker.close()
    (left,) = {row.leased_until for row in TaskRow.objects.filter(state=2)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s <= clock_timestamp()", [left])
        assert cursor.fetchone() == (True,)


def test_a_queue_with_an_exchange_of_its_own_is_reached_through_that(
    relay: Relay, broker: Server
) -> None:
    before = app.conf.task_queues
    app.conf.task_queues = [Queue("letters", Exchange("post", type="topic"), "post.letters")]
    app.__dict__.pop("amqp", None)
    try:
        sent = [tasks.write_note.apply_async(("x",), queue="letters").id]
        QueueRow.objects.get_or_create(name="letters")
        relay.turn()
        assert ids(broker, "letters") == sent
    finally:
        app.conf.task_queues = before
        app.__dict__.pop("amqp", None)


def test_of_a_queue_that_the_broker_refuses_nobody_says_that_it_is_empty(
    relay: Relay, broker: Server
) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.set("aaa", "no list")
    with pytest.raises(relay.broker.errors()):
        relay.broker.depth("aaa")
    assert relay.broker.depth("not there") == 0


def test_a_connection_that_cannot_be_closed_is_given_up(relay: Relay) -> None:
    class Stuck:
        def release(self) -> None:
            raise OSError("it hangs")

    relay.broker._connection = Stuck()
    relay.broker.close()
    (sent,) = enqueue(1)
    relay.turn()
    assert str(TaskRow.objects.get(state=2).pk) == sent


def test_a_database_that_goes_away_in_a_turn_is_no_fault_of_a_queue(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a session that is ended while it marks."""
    enqueue(1)
    mark = marking.mark

    def end(queue: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return mark(queue)

    monkeypatch.setattr(marking, "mark", end)
    with pytest.raises(OperationalError):
        relay.turn()
    connection.close()
    assert relay.refused == {}
    monkeypatch.undo()
    relay.turn()
    assert TaskRow.objects.filter(state=2).count() == 1
