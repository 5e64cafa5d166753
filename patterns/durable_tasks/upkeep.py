"""What a relay does besides publishing: everything in flight is leased, and leases end."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from . import caps, configuration, recovery
from .publication import BY_INDEX

logger = logging.getLogger(__name__)

AT_ONCE = 1000  # rows of one statement: a transaction of milliseconds
# A busy relay turns fifty times a second; leases, due times and expiries need not be that exact.
TURN_SECONDS = 0.1
DISCOVER_SECONDS = 0.5

# ARRAY, not IN: a plan may run the inner SELECT of an IN once a row, each time for the next ones.
_PROMOTE = """
UPDATE durable_tasks_task SET state = 1 WHERE id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task WHERE state = 0 AND due_at <= now()
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""
_EXPIRE = """
UPDATE durable_tasks_task SET state = 4, reason = 'expired', failed_at = now(), unique_key = NULL,
    first_failed_at = coalesce(first_failed_at, now()),
    error = 'It expired at ' || expires_at || ' before a worker started it.', traceback = ''
WHERE id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task WHERE expires_at <= now() AND state < 2
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""
_HAS_ENDED_LEASES = """
SELECT EXISTS (SELECT FROM durable_tasks_task WHERE state = 3 AND leased_until < now())
"""
_ENDED_LEASES = """id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task WHERE state = 3 AND leased_until < now()
    ORDER BY leased_until LIMIT %s FOR UPDATE SKIP LOCKED))"""
_LEASE_ERROR = "Its lease ended: the machine, the process or its connection was gone or frozen."
# One step through an index a name, however many rows there are.
_DISCOVER = """
WITH RECURSIVE names AS (
    (SELECT queue FROM durable_tasks_task WHERE state = 1 ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM durable_tasks_task WHERE state = 1 AND queue > names.queue
        ORDER BY queue LIMIT 1) FROM names WHERE names.queue IS NOT NULL
)
INSERT INTO durable_tasks_queue (name) SELECT queue FROM names
WHERE queue IS NOT NULL AND NOT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = queue)
ON CONFLICT DO NOTHING
"""


class Upkeep:
    """The relay's housekeeping, each part as often as it needs to be."""

    def __init__(self) -> None:
        """Do everything at the first turn."""
        self.turn_at = self.discover_at = self.measure_at = 0.0

    def turn(self, *, is_urgent: bool = True) -> bool:
        """Promote what is due, expire, take back ended leases; now and then count the rows.

        Where it is not urgent, as late as an idle relay would. Returns whether something became
        ready, or there may be more to do: do not sleep then.
        """
        now = time.monotonic()
        if now < self.turn_at + (0 if is_urgent else configuration.poll_seconds()):
            return False
        self.turn_at = now + TURN_SECONDS
        has_more = promote()
        if now >= self.discover_at:
            self.discover_at = now + DISCOVER_SECONDS
            has_more = discover() or has_more
        if now >= self.measure_at:
            self.measure_at = time.monotonic() + caps.measure()
        if has_more:
            self.turn_at = 0.0
        return has_more


def promote() -> bool:
    """Let be ready what is due, fail what has expired, take back what nobody runs any more."""
    with _transaction() as cursor:
        cursor.execute(_PROMOTE, [AT_ONCE])
        count = cursor.rowcount
        cursor.execute(_EXPIRE, [AT_ONCE])
        is_full = cursor.rowcount == AT_ONCE
        cursor.execute(_HAS_ENDED_LEASES)
        has_ended = bool(cursor.fetchone()[0])
    if has_ended:
        with _transaction() as cursor:  # committed before, so that no lock of theirs is waited for
            recovery.end_abandoned(cursor)
        with _transaction() as cursor:
            cursor.execute(recovery.crashed_statement(_ENDED_LEASES), [_LEASE_ERROR, AT_ONCE])
            rows = cursor.fetchall()
        recovery.log(rows)
        count += len(rows)
    return bool(count > 0 or is_full)


def discover() -> bool:
    """Give a row to each queue that has ready tasks and no row yet."""
    with _transaction() as cursor:
        cursor.execute(_DISCOVER)
        return bool(cursor.rowcount)


@contextmanager
def _transaction() -> Iterator[Any]:
    """Give a cursor in a transaction that no fsync is waited for: all of it can be done again."""
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(BY_INDEX)
        yield cursor
