"""Delete what nobody will ask for again."""

from django.db import connections

from . import configuration

# Longer than a second beat can lag behind, or beat be down and its state be old.
KEPT_DAYS = 7
# One statement deletes so many rows, so that no transaction is long.
DELETED_AT_ONCE = 1000

# The last firing of an entry stays: one of a yearly entry is what keeps it from firing twice.
_DELETE_FIRINGS = """
DELETE FROM durable_tasks_firing WHERE id = ANY (ARRAY(
    SELECT old.id FROM durable_tasks_firing old
    WHERE old.due_at < now() - make_interval(days => %s) AND EXISTS (
        SELECT FROM durable_tasks_firing later
        WHERE later.entry = old.entry AND later.due_at > old.due_at)
    LIMIT %s))
"""

# The failed set is not here: what has failed stays until somebody replays or discards it.
_DELETE_DISCARDED = """
DELETE FROM durable_tasks_task WHERE state = 5 AND id = ANY (ARRAY(
    SELECT id FROM durable_tasks_task
    WHERE state = 5 AND discarded_at < now() - make_interval(days => %s)
    ORDER BY discarded_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""
# Events of tasks that are still there stay with them, however old. So the old ones are walked
# through once, by their age: what stays is not read again for each thousand.
_OLD_EVENTS = """
SELECT at, id, EXISTS (SELECT FROM durable_tasks_task t WHERE t.id = e.task_id)
FROM durable_tasks_event e
WHERE at < now() - make_interval(days => %s) AND (at, id) > (%s::timestamptz, %s)
ORDER BY at, id LIMIT %s
"""

_DELETE_RESULTS = """
DELETE FROM durable_tasks_result WHERE id = ANY (ARRAY(
    SELECT id FROM durable_tasks_result WHERE expires_at < now()
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""
# Of a task or a result that is still there they stay, as events do.
_OLD_ATTEMPTS = """
SELECT at, id, EXISTS (SELECT FROM durable_tasks_task t WHERE t.id = a.task_id)
    OR EXISTS (SELECT FROM durable_tasks_result r WHERE r.id = a.task_id)
FROM durable_tasks_attempt a
WHERE at < now() - make_interval(days => %s) AND (at, id) > (%s::timestamptz, %s)
ORDER BY at, id LIMIT %s
"""


def delete_old_firings() -> int:
    """Delete firings older than a week, but each entry's last; return how many.

    Each thousand commits on its own. Crash or duplicate: what is left is deleted by the next run.
    """
    return _repeated(_DELETE_FIRINGS, [KEPT_DAYS, DELETED_AT_ONCE])


def delete_old_history() -> tuple[int, int]:
    """Delete what was discarded DURABLE_TASKS_HISTORY_DAYS ago, and events as old of tasks that are
    gone; return how many rows and events.

    A failed task and its events are never deleted. Each thousand commits on its own. Crash or
    duplicate: what is left is deleted by the next run.
    """
    days = configuration.history_days()
    discarded = _repeated(_DELETE_DISCARDED, [days, DELETED_AT_ONCE])
    return discarded, _delete_orphans(_OLD_EVENTS, "durable_tasks_event", days)


def delete_old_results() -> tuple[int, int]:
    """Delete results of Django tasks whose time is over, and failed attempts as old as history of
    tasks that are gone; return how many of each. Commits, crash and duplicate: as above.
    """
    results = _repeated(_DELETE_RESULTS, [DELETED_AT_ONCE])
    days = configuration.history_days()
    return results, _delete_orphans(_OLD_ATTEMPTS, "durable_tasks_attempt", days)


def _repeated(statement: str, values: list[int]) -> int:
    """Delete, a statement after the other, until one finds fewer than it may delete."""
    deleted = 0
    with connections[configuration.database()].cursor() as cursor:
        while True:
            cursor.execute(statement, values)
            deleted += cursor.rowcount
            if cursor.rowcount < DELETED_AT_ONCE:
                return int(deleted)


def _delete_orphans(old: str, table: str, days: int) -> int:
    deleted, last = 0, ("-infinity", 0)
    with connections[configuration.database()].cursor() as cursor:
        while True:
            cursor.execute(old, [days, *last, DELETED_AT_ONCE])
            found = cursor.fetchall()
            orphans = [id for _, id, has_task in found if not has_task]
            cursor.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", [orphans])  # noqa: S608
            deleted += cursor.rowcount
            if len(found) < DELETED_AT_ONCE:
                return int(deleted)
            last = found[-1][0], found[-1][1]
