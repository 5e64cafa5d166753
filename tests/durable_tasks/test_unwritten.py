"""A message is acknowledged after its row, and in its turn, however long the database is away."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from redis.exceptions import ResponseError

from patterns.durable_tasks.consumer import DurableConsumer
from patterns.durable_tasks.unwritten import Unwritten


class Taken:
    """A message that a worker has taken, and how often it was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged = False
        self.times = 0

    def ack_log_error(self, *_: Any) -> None:
        self.acknowledged = True
        self.times += 1


class Clock:
    """A worker's timer; what is due is called by the test."""

    connection_errors = ()

    def __init__(self) -> None:
        self.timer = self
        self.due: list[Callable[[], None]] = []

    def call_after(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append(call)


def test_messages_that_wait_for_the_database_are_written_in_order_and_acknowledged_then() -> None:
    clock, written, is_away = Clock(), list[str](), [True]
    first, second = Taken(), Taken()

    def write(name: str) -> None:
        if is_away[0]:
            raise OperationalError("away")
        written.append(name)

    unwritten = Unwritten(clock)
    unwritten.settle(first, lambda: write("first"))
    is_away[0] = False
    unwritten.settle(second, lambda: write("second"))
    assert written == []  # not before the one that waits
    assert len(clock.due) == 1  # which is tried again once, not once for each that comes
    clock.due.pop()()
    assert written == ["first", "second"]
    assert (first.times, second.times) == (1, 1)


def test_an_acknowledgment_that_the_broker_refuses_leaves_nothing_behind_it_waiting() -> None:
    class Full(Taken):
        def ack_log_error(self, *_: Any) -> None:
            raise ResponseError("MISCONF")

    clock, written, is_away = Clock(), list[str](), [True]
    second, later = Taken(), Taken()

    def write(name: str) -> None:
        if is_away[0]:
            raise OperationalError("away")
        written.append(name)

    unwritten = Unwritten(clock)
    unwritten.settle(Full(), lambda: write("first"))
    unwritten.settle(second, lambda: write("second"))
    is_away[0] = False
    with pytest.raises(ResponseError):  # Celery's timer logs it
        clock.due.pop()()
    clock.due.pop()()
    unwritten.settle(later, lambda: write("later"))
    assert written == ["first", "second", "later"]
    assert (second.times, later.times, clock.due) == (1, 1, [])


def test_what_belongs_to_a_lost_connection_is_neither_written_nor_acknowledged() -> None:
    clock, message = Clock(), Taken()
    unwritten, tried = Unwritten(clock), list[str]()

    def write() -> None:
        tried.append("tried")
        raise OperationalError("away")

    unwritten.settle(message, write)
    unwritten.clear()
    clock.due.pop()()
    assert tried == ["tried"]
    assert message.times == 0


def test_a_message_that_was_acknowledged_is_not_acknowledged_again() -> None:
    message = Taken()
    message.acknowledged = True
    Unwritten(Clock()).settle(message, lambda: None)
    assert message.times == 0


def test_an_acknowledgment_that_was_ordered_comes_too_late_for_a_message_that_was_kept() -> None:
    """Given a solo pool, which runs the task between the two."""
    consumer = object.__new__(DurableConsumer)
    consumer.hub = None
    kept, taken = Taken(), Taken()
    kept.acknowledged = True
    for message in (kept, taken):
        consumer.call_soon_ack(message.ack_log_error)
    assert (kept.times, taken.times) == (0, 1)
