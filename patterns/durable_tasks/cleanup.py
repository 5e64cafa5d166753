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


def delete_old_firings() -> int:
    """Delete firings older than a week, but each entry's last; return how many.

    Each thousand commits on its own. Crash or duplicate: what is left is deleted by the next run.
    """
    deleted = 0
    with connections[configuration.database()].cursor() as cursor:
        while True:
            cursor.execute(_DELETE_FIRINGS, [KEPT_DAYS, DELETED_AT_ONCE])
            deleted += cursor.rowcount
            if cursor.rowcount < DELETED_AT_ONCE:
                return int(deleted)
