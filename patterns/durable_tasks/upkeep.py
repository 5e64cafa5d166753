"""What a relay does besides publishing: everything in flight is leased, and leases end."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from . import configuration, recovery

logger = logging.getLogger(__name__)

AT_ONCE = 1000  # rows of one statement: a transaction of milliseconds
MEASURE_SECONDS = 10.0
DISCOVER_SECONDS = 2.0

_PROMOTE = """
UPDATE durable_tasks_task SET state = 1 WHERE id IN (
    SELECT id FROM durable_tasks_task WHERE state = 0 AND due_at <= now()
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
_EXPIRE = """
UPDATE durable_tasks_task SET state = 4, reason = 'expired', failed_at = now(), unique_key = NULL,
    first_failed_at = coalesce(first_failed_at, now()),
    error = 'It expired at ' || expires_at || ' before a worker started it.'
WHERE id IN (
    SELECT id FROM durable_tasks_task WHERE expires_at <= now() AND state < 2
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
_ENDED_LEASES = """id IN (
    SELECT id FROM durable_tasks_task WHERE state = 3 AND leased_until < now()
    ORDER BY leased_until LIMIT %s FOR UPDATE SKIP LOCKED)"""
_LEASE_ERROR = "Its lease ended: the machine, the process or its connection was gone or frozen."
# One step through the index a name, however many rows there are.
_DISCOVER = """
WITH RECURSIVE names AS (
    (SELECT queue FROM durable_tasks_task WHERE state = 1 ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM durable_tasks_task WHERE state = 1 AND queue > names.queue
        ORDER BY queue LIMIT 1) FROM names WHERE names.queue IS NOT NULL
)
INSERT INTO durable_tasks_queue (name) SELECT queue FROM names WHERE queue IS NOT NULL
ON CONFLICT DO NOTHING
"""
_TAKEN = """
SELECT count(*), count(*) FILTER (WHERE leased_until < now())
FROM durable_tasks_task WHERE queue = %s AND state = 2
"""
# The oldest first: what the broker still holds is what was published last.
_REPUBLISH = """
UPDATE durable_tasks_task SET state = 1, publication = NULL, leased_until = NULL WHERE id IN (
    SELECT id FROM durable_tasks_task WHERE queue = %s AND state = 2 AND leased_until < now()
    ORDER BY leased_until LIMIT %s FOR UPDATE SKIP LOCKED)
"""
_EXTEND = """
UPDATE durable_tasks_task SET leased_until = now() + make_interval(secs => %s)
WHERE queue = %s AND state = 2 AND leased_until < now()
"""
_COUNT = """
SELECT queue, count(*) FROM durable_tasks_task WHERE state <> 4 GROUP BY queue
"""
_MEASURED = """
UPDATE durable_tasks_queue SET rows = %s, is_full = %s, measured_at = now() WHERE name = %s
"""


class Upkeep:
    """The relay's housekeeping, each part as often as it needs to be."""

    def __init__(self) -> None:
        """Do everything at the first turn."""
        self.discover_at = self.measure_at = 0.0

    def turn(self) -> None:
        """Promote what is due, expire, take back ended leases; now and then count the rows."""
        with _transaction() as cursor:
            cursor.execute(_PROMOTE, [AT_ONCE])
            cursor.execute(_EXPIRE, [AT_ONCE])
        with _transaction() as cursor:
            cursor.execute(recovery.crashed_statement(_ENDED_LEASES), [_LEASE_ERROR, AT_ONCE])
            recovery.log(cursor.fetchall())
        now = time.monotonic()
        if now >= self.discover_at:
            self.discover_at = now + DISCOVER_SECONDS
            with _transaction() as cursor:
                cursor.execute(_DISCOVER)
        if now >= self.measure_at:
            self.measure_at = now + MEASURE_SECONDS
            measure()

    @staticmethod
    def look_for_messages(queue: str, depth: Any) -> None:
        """Publish again the messages that were taken and started nothing before their lease ended.

        `depth()` counts the queue's messages at the broker. Those still there are waited for: a
        queue without a worker would else be filled with copies.
        """
        with _transaction() as cursor:
            cursor.execute(_TAKEN, [queue])
            published, ended = cursor.fetchone()
        if not ended:
            return
        taken = max(0, published - depth())
        with _transaction() as cursor:
            cursor.execute(_REPUBLISH, [queue, min(taken, AT_ONCE)])
            if cursor.rowcount:
                logger.warning("%s: %d messages are published again.", queue, cursor.rowcount)
            cursor.execute(_EXTEND, [configuration.publication_lease_seconds(), queue])


def measure() -> None:
    """Count each queue's rows, and close one at its cap where it is set to refuse."""
    limits = configuration.queues()
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_COUNT)
        rows = dict(cursor.fetchall())
        cursor.execute("SELECT name FROM durable_tasks_queue ORDER BY name")
        for (name,) in cursor.fetchall():
            limit = limits.get(name, {})
            is_full = limit.get("at_cap", "alarm") == "refuse" and rows.get(name, 0) >= cap(name)
            cursor.execute(_MEASURED, [rows.get(name, 0), is_full, name])


def cap(queue: str) -> int:
    """Return how many rows a queue may have: a million, some 500 MB, unless set."""
    return int(configuration.queues().get(queue, {}).get("cap", 1_000_000))


def alarms() -> list[str]:
    """Return what somebody should look at: queues at half their cap or beyond, as last counted."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute("SELECT name, rows FROM durable_tasks_queue ORDER BY name")
        return [
            f"Queue {name} has {rows:,} tasks of the {cap(name):,} it may have: is its worker up?"
            for name, rows in cursor.fetchall()
            if rows * 2 >= cap(name)
        ]


@contextmanager
def _transaction() -> Iterator[Any]:
    """Give a cursor in a transaction that no fsync is waited for: all of it can be done again."""
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        yield cursor
