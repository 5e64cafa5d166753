"""What a relay does besides publishing: everything in flight is leased, and leases end."""

import time

from django.db import DatabaseError

from . import caps, configuration, recovery, sessions
from .new_queues import discover
from .upkeep_writes import COUNT_REMEDY, LOCK_REMEDY, REST_SECONDS, say_refused, transaction

AT_ONCE = 1000  # rows of one statement: a transaction of milliseconds
# A busy relay turns fifty times a second; leases, due times and expiries need not be that exact.
TURN_SECONDS = 0.1
DISCOVER_SECONDS = 0.5

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
            say_refused(error, "Due tasks, expiries and ended leases wait", LOCK_REMEDY)
            self.turn_at = time.monotonic() + REST_SECONDS
            return False

    def _discover(self) -> bool:
        try:
            return discover(self._left_out_until)
        except DatabaseError as error:
            say_refused(error, "New queues are not found", LOCK_REMEDY)
            self.discover_at = time.monotonic() + REST_SECONDS
            return False

    def _measure(self, now: float) -> None:
        try:
            self.measure_at = time.monotonic() + caps.measure()
        except DatabaseError as error:
            say_refused(error, "The queues' caps are not watched", COUNT_REMEDY)
            self.measure_at = time.monotonic() + caps.rest_seconds(now)


def promote() -> bool:
    """Let be ready what is due, fail what has expired, take back what nobody runs any more."""
    with transaction() as cursor:
        cursor.execute(_PROMOTE, [AT_ONCE])
        count = cursor.rowcount
        cursor.execute(_EXPIRE, [AT_ONCE])
        is_full = cursor.rowcount == AT_ONCE
        cursor.execute(_HAS_ENDED_LEASES)
        has_ended = bool(cursor.fetchone()[0])
    if has_ended:
        with transaction() as cursor:  # committed before, so that no lock of theirs is waited for
            sessions.end_abandoned(cursor)
        with transaction() as cursor:
            cursor.execute(recovery.crashed_statement(_ENDED_LEASES), [_LEASE_ERROR, AT_ONCE])
            rows = cursor.fetchall()
        recovery.log(rows)
        count += len(rows)
    return bool(count > 0 or is_full)
