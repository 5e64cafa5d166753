"""What a relay does besides publishing: everything in flight is leased, and leases end."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connections, transaction

from . import caps, configuration, locks, recovery
from .publication import BY_INDEX

logger = logging.getLogger(__name__)

AT_ONCE = 1000  # rows of one statement: a transaction of milliseconds
# A busy relay turns fifty times a second; leases, due times and expiries need not be that exact.
TURN_SECONDS = 0.1
DISCOVER_SECONDS = 0.5
# What the database has refused is not asked again at once: publishing is to go on meanwhile.
REST_SECONDS = 10

# ARRAY, not IN: a plan may run the inner SELECT of an IN once a row, each time for the next ones.
_PROMOTE = """
UPDATE durable_tasks_task SET state = 1 WHERE id = ANY(ARRAY(
    SELECT id FROM durable_tasks_task WHERE state = 0 AND due_at <= now()
    ORDER BY due_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED))
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
_UNKNOWN = """
WITH RECURSIVE names AS (
    (SELECT queue FROM durable_tasks_task WHERE state = 1 ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM durable_tasks_task WHERE state = 1 AND queue > names.queue
        ORDER BY queue LIMIT 1) FROM names WHERE names.queue IS NOT NULL
)
SELECT queue FROM names
WHERE queue IS NOT NULL AND NOT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = queue)
"""
# It waits for a transaction that has just made the same row, a pause: not long, see `_add`.
_ADD = "INSERT INTO durable_tasks_queue (name) VALUES (%s) ON CONFLICT DO NOTHING"
_ADD_MILLISECONDS = "200"


class Upkeep:
    """The relay's housekeeping, each part as often as it needs to be."""

    def __init__(self) -> None:
        """Do everything at the first turn."""
        self.turn_at = self.discover_at = self.measure_at = 0.0
        self._left_out_until: dict[str, float] = {}

    def turn(self, *, is_urgent: bool = True) -> bool:
        """Promote what is due, expire, take back ended leases; now and then count the rows.

        Where it is not urgent, as late as an idle relay would. Returns whether something became
        ready, or there may be more to do: do not sleep then. What the database refuses (a lock, a
        statement that takes too long) is logged and left for later; raises where it is away.
        """
        now = time.monotonic()
        if now < self.turn_at + (0 if is_urgent else configuration.poll_seconds()):
            return False
        self.turn_at = now + TURN_SECONDS
        has_more = self._promote()
        if now >= self.discover_at:
            self.discover_at = now + DISCOVER_SECONDS
            has_more = self._discover() or has_more
        if now >= self.measure_at:
            self._measure(now)
        if has_more:
            self.turn_at = 0.0
        return has_more

    def _promote(self) -> bool:
        try:
            return promote()
        except DatabaseError as error:
            _say_refused(error, "Due tasks, expiries and ended leases wait", LOCK_REMEDY)
            self.turn_at = time.monotonic() + REST_SECONDS
            return False

    def _discover(self) -> bool:
        try:
            return discover(self._left_out_until)
        except DatabaseError as error:
            _say_refused(error, "New queues are not found", LOCK_REMEDY)
            self.discover_at = time.monotonic() + REST_SECONDS
            return False

    def _measure(self, now: float) -> None:
        try:
            self.measure_at = time.monotonic() + caps.measure()
        except DatabaseError as error:
            _say_refused(error, "The queues' caps are not watched", COUNT_REMEDY)
            self.measure_at = time.monotonic() + caps.rest_seconds(now)


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


def discover(left_out_until: dict[str, float] | None = None) -> bool:
    """Give a row to each queue that has ready tasks and no row yet; tell whether one was given.

    A queue whose row is being made in a transaction that does not end is left out for a while.
    """
    until = {} if left_out_until is None else left_out_until
    with _transaction() as cursor:
        cursor.execute(_UNKNOWN)
        names = [row[0] for row in cursor.fetchall()]
    count = 0
    for name in names:
        if until.get(name, 0.0) > time.monotonic():
            continue
        try:
            count += _add(name)
        except DatabaseError as error:
            _say_refused(error, f"Queue {name} is left out", LOCK_REMEDY)
            until[name] = time.monotonic() + REST_SECONDS
    return bool(count)


def _add(name: str) -> int:
    with _transaction() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_ADD_MILLISECONDS])
        cursor.execute(_ADD, [name])
        return int(cursor.rowcount)


LOCK_REMEDY = (
    "pg_stat_activity shows which session is idle in transaction; pg_terminate_backend(pid) ends it"
)
COUNT_REMEDY = (
    "give the relay's database role a longer statement_timeout, or VACUUM durable_tasks_task"
)


def _say_refused(error: DatabaseError, what: str, remedy: str) -> None:
    """Log what the database refused; raise it where the database is away."""
    if not locks.is_refusal(error):
        raise error
    logger.error("%s: %s. To mend it, %s.", what, str(error).strip(), remedy)


@contextmanager
def _transaction() -> Iterator[Any]:
    """Give a cursor in a transaction that no fsync is waited for: all of it can be done again."""
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(BY_INDEX)
        yield cursor
