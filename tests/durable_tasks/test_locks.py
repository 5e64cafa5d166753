"""Transactions that hang, and relays that are frozen in theirs, hold up nobody else."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from development.server import Server
from django.db import connection, connections, transaction
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import (
    cancel,
    failed,
    lost,
    marking,
    pausing,
    promotion,
    publication,
)
from patterns.durable_tasks.errors import TasksHeld
from patterns.durable_tasks.models import Event, QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.conftest import Process, Start
from tests.durable_tasks.failures import fail
from tests.durable_tasks.messages import ids, lose
from tests.durable_tasks.test_publication import enqueue, relay
from tests.servers import eventually

__all__ = ["relay"]
LOCK_TASK = "SELECT FROM durable_tasks_task WHERE id = %s FOR UPDATE"
LOCK_QUEUE = "UPDATE durable_tasks_queue SET is_paused = true WHERE name = %s"


@contextmanager
def hanging(statement: str, *values: Any) -> Iterator[None]:
    """Hold what a statement locks in a transaction that does not end within the block."""
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(statement, values)
        yield
    finally:
        other.rollback()
        other.close()


@pytest.fixture
def impatient(database: None) -> Iterator[None]:
    """Fail, instead of hanging, where a statement of this test's own connection waits."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20s'")
    yield
    connection.close()


def test_a_pause_in_a_transaction_that_hangs_stops_its_queue_alone(
    start_relay: Start, broker: Server
) -> None:
    """Given a queue's row that is locked, then the relay counts, listens, publishes and is busy."""
    for name in ("aaa", "default"):
        QueueRow.objects.create(name=name)
    with hanging(LOCK_QUEUE, "aaa"):
        (waits,) = enqueue(1, queue="aaa")
        start_relay(DURABLE_TEST_WINDOW="8")
        eventually(lambda: QueueRow.objects.filter(name="default", rows=0, is_listened=True))
        sent = enqueue(1)
        eventually(lambda: ids(broker) == sent)
        # Many at once: it is busy, and asks commits not to notify.
        TaskRow.objects.filter(queue="default").delete()
        lose(broker, 1)
        more = tasks.write_note.enqueue_many([((f"n{i}",), {}) for i in range(8)])
        eventually(lambda: sorted(ids(broker)) == sorted(more))
        assert ids(broker, "aaa") == []
    eventually(lambda: ids(broker, "aaa") == [waits])


def test_a_queue_that_is_made_in_a_transaction_that_hangs_is_left_out(
    start_relay: Start, broker: Server
) -> None:
    """A pause of a queue that had no row: whoever else makes that row waits for its end."""
    with hanging("INSERT INTO durable_tasks_queue (name, is_paused) VALUES ('aaa', true)"):
        enqueue(1, queue="aaa")
        sent = enqueue(1)
        relay = start_relay()
        eventually(lambda: ids(broker) == sent)
        eventually(lambda: "Queue aaa is left out" in relay.words)
        assert "pg_terminate_backend" in relay.words
        sent += enqueue(1)
        eventually(lambda: ids(broker) == sent)
    eventually(lambda: len(ids(broker, "aaa")) == 1)
    assert "The database is away" not in relay.words


def test_a_table_that_is_locked_is_told_from_a_database_that_is_away(
    start_relay: Start, broker: Server
) -> None:
    relay = start_relay()
    with hanging("LOCK TABLE durable_tasks_queue IN ACCESS EXCLUSIVE MODE"):
        eventually(lambda: "The database refuses" in relay.words)
    (sent,) = enqueue(1)
    eventually(lambda: ids(broker) == [sent])
    assert "The database is away" not in relay.words


FROZEN_RELAY = """
import django, os, signal
django.setup()
from patterns.durable_tasks import promotion
from patterns.durable_tasks.relay_transaction import relay_transaction
with relay_transaction() as cursor:
    cursor.execute(promotion._PROMOTE, [promotion.AT_ONCE])
    print("promoted", cursor.rowcount, flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_what_a_relay_promotes_that_is_frozen_in_its_transaction_is_promoted_by_another(
    start: Start,
) -> None:
    tasks.write_note.apply_async(["x"], countdown=60)
    TaskRow.objects.update(due_at="2020-01-01T00:00Z")
    frozen = start("-c", FROZEN_RELAY)
    eventually(lambda: "promoted 1" in frozen.words)
    eventually(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED)
    assert not promotion.promote()  # it holds the row
    try:
        eventually(promotion.promote)  # the server has ended its transaction
        assert TaskRow.objects.get().state == 1
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    assert frozen.process.wait(30) != 0


@pytest.mark.usefixtures("impatient")
def test_a_message_that_somebody_holds_does_not_keep_others_from_being_found(
    relay: Relay, broker: Server
) -> None:
    """Given a cancel in a transaction that hangs, when messages are lost, then others go out."""
    held, other = enqueue(2)
    relay.turn()
    lose(broker, 2)
    TaskRow.objects.update(leased_until="2020-01-01T00:00Z")
    with hanging(LOCK_TASK, held):
        lost.look_for_all()
        relay.turn()
        assert ids(broker) == [other]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("write", [marking.unmark, marking.doubt])
def test_what_was_not_sent_is_given_back_beside_a_row_that_somebody_holds(
    relay: Relay, write: Any
) -> None:
    held, other = enqueue(2)
    marked = marking.mark("default")
    before = TaskRow.objects.get(id=other)
    with hanging(LOCK_TASK, held):
        write(marked)
    after = TaskRow.objects.get(id=other)
    assert (after.state, after.leased_until) != (before.state, before.leased_until)
    assert TaskRow.objects.get(id=held).state == 2


@pytest.mark.usefixtures("impatient")
def test_what_cannot_be_published_and_is_held_is_passed_over_and_not_said_to_have_failed(
    relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    (held,) = enqueue(1)
    TaskRow.objects.update(shown="not JSON")
    (marked,) = marking.mark("default")
    producer, target = relay.broker.producer(), relay.broker.target("default")
    with hanging(LOCK_TASK, held):
        assert publication.publish(app, producer, target, [marked]) == 0
    assert TaskRow.objects.get().state == 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"shop.write_note[{held}] cannot be published: passed over, for it is held or no longer"
        " published."
    ]
    caplog.clear()
    publication.publish(app, producer, target, [marked])
    assert TaskRow.objects.get().reason == "unpublishable"
    assert "cannot be published: failed." in caplog.text


@pytest.mark.usefixtures("impatient")
def test_who_cancels_a_task_that_is_held_is_told_and_can_go_on() -> None:
    held, other = enqueue(2)
    with hanging(LOCK_TASK, held):
        with pytest.raises(TasksHeld, match="idle in transaction"):
            cancel.cancel([held, other], by="pat")
        with transaction.atomic():
            with pytest.raises(TasksHeld):
                cancel.cancel([held], by="pat")
            assert len(cancel.cancel([other], by="pat")) == 1
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                assert cursor.fetchone()[0] == "20s"  # the caller's own
    assert TaskRow.objects.get(id=other).reason == "cancelled"
    assert len(cancel.cancel([held], by="pat")) == 1
    assert Event.objects.filter(kind="cancelled").count() == 2


@pytest.mark.usefixtures("impatient")
def test_who_replays_a_task_that_is_held_is_told() -> None:
    row = fail("x")
    with hanging(LOCK_TASK, row.pk), pytest.raises(TasksHeld):
        failed.replay_failed_of(row.name, [row.arguments], by="pat")
    assert failed.replay_failed_of(row.name, [row.arguments], by="pat") == [row.arguments]


def test_who_pauses_a_queue_that_is_held_is_told(start: Start) -> None:
    QueueRow.objects.create(name="default")
    with hanging(LOCK_QUEUE, "default"):
        pause = start("-m", "durable_shop.manage", "task_queues", "pause", "default")
        assert pause.process.wait(60) == 1
        assert "Another transaction has held these rows" in pause.words
        assert "Traceback" not in pause.words
    pausing.pause(app, "default")
    assert QueueRow.objects.get().is_paused


CANCEL_AND_FREEZE = """
import django, os, signal, sys
django.setup()
from patterns.durable_tasks import locks
with locks.bounded_for_people() as cursor:
    cursor.execute("SHOW idle_in_transaction_session_timeout")
    print("idle for", cursor.fetchone()[0], flush=True)
"""


def test_a_persons_own_transaction_ends_where_its_process_is_frozen(start: Start) -> None:
    assert _words(start("-c", CANCEL_AND_FREEZE)).strip() == "idle for 1min"


def _words(process: Process) -> str:
    assert process.process.wait(60) == 0, process.words
    return process.words
