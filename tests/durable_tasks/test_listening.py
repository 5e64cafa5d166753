"""Being woken is a help: whatever becomes of the connection, the relay sleeps and looks again."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from patterns.durable_tasks.listening import Listener
from patterns.durable_tasks.models import QueueRow
from tests.durable_tasks.test_publication import enqueue

END_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query = 'LISTEN durable_tasks' AND datname = current_database()
"""


@pytest.fixture
def listener(database: None) -> Iterator[Listener]:
    QueueRow.objects.create(name="default")
    listener = Listener()
    yield listener
    listener.close()


def test_what_came_just_before_it_listened_is_not_slept_over(listener: Listener) -> None:
    """Given a commit that woke another relay alone, in a queue that somebody holds for a moment."""
    enqueue(1)
    QueueRow.objects.update(is_listened=True)
    QueueRow.objects.create(name="other")
    holder = connections.create_connection("default")
    began = time.monotonic()
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM durable_tasks_queue WHERE name = 'default' FOR UPDATE")
        assert listener.wait(60) == set()
    finally:
        holder.close()
    assert time.monotonic() - began < 30


def test_a_listening_session_that_ends_is_slept_over_and_made_anew(listener: Listener) -> None:
    listener.wait(0.01)
    with connection.cursor() as cursor:
        cursor.execute(END_LISTENERS)
        assert cursor.fetchall() == [(True,)]
    began = time.monotonic()
    assert listener.wait(0.2) == set()
    assert time.monotonic() - began >= 0.2  # not a loop that spins while the database is away
    listener.wait(0.01)
    with connection.cursor() as cursor:
        cursor.execute(END_LISTENERS)
        assert cursor.fetchall() == [(True,)]


def test_a_listening_session_that_cannot_be_closed_is_given_up(listener: Listener) -> None:
    class Stuck:
        connection: Any = None

        def close(self) -> None:
            raise OSError("it hangs")

    listener._wrapper = Stuck()
    listener.close()
    listener.wait(0.01)
    assert listener._wrapper is not None
