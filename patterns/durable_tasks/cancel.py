"""Cancel tasks that have not ended: a state of the row, which no message can undo."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connections

from . import configuration

# A running one is not stopped; its token is taken away, so that its end changes nothing.
_CANCEL = """
UPDATE durable_tasks_task SET state = 4, reason = 'cancelled', error = %s, failed_at = now(),
    first_failed_at = coalesce(first_failed_at, now()), publication = NULL, claim = NULL,
    leased_until = NULL, unique_key = NULL
WHERE id = ANY(%s) AND state < 4 RETURNING id
"""


def cancel(ids: Iterable[UUID | str], *, by: str = "") -> list[UUID]:
    """Cancel tasks in the open transaction, else in one of its own; return those that were.

    `by` is who did it, for people. What a running one changes in the database is discarded; what
    it has done outside stays done. Ended tasks are left alone.
    """
    with connections[configuration.database()].cursor() as cursor:
        error = f"Cancelled by {by or 'somebody'}."
        cursor.execute(_CANCEL, [error, [UUID(str(each)) for each in ids]])
        return [row[0] for row in cursor.fetchall()]
