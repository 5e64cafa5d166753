"""Promote what is due; expire what nobody started in time; take back what nobody runs any more."""

from . import recovery
from .relay_transaction import relay_transaction

AT_ONCE = 1000  # rows of one statement: a transaction of milliseconds
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


def promote() -> bool:
    """Let be ready what is due, fail what has expired, take back what nobody runs any more."""
    with relay_transaction() as cursor:
        cursor.execute(_PROMOTE, [AT_ONCE])
        count = cursor.rowcount
        cursor.execute(_EXPIRE, [AT_ONCE])
        is_full = cursor.rowcount == AT_ONCE
        cursor.execute(_HAS_ENDED_LEASES)
        has_ended = bool(cursor.fetchone()[0])
    if has_ended:
        with (
            relay_transaction() as cursor
        ):  # committed before, so that no lock of theirs is waited for
            recovery.end_abandoned(cursor)
        with relay_transaction() as cursor:
            cursor.execute(recovery.crashed_statement(_ENDED_LEASES), [_LEASE_ERROR, AT_ONCE])
            rows = cursor.fetchall()
        recovery.log(rows)
        count += len(rows)
    return bool(count > 0 or is_full)
