"""Cancel tasks that have not ended: a state of the row, which no message can undo."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from . import locks
from .error_text import BY_CHARACTERS, ERROR_CHARACTERS, clean
from .models import State
from .selection import Selection

AT_ONCE = 1000  # rows of one transaction

# What a worker or a relay takes at this moment is passed over: it has started, or will be asked for
# again. By id, so that each row is looked at once.
_NEXT = """
SELECT id FROM durable_tasks_task WHERE {where} AND id > %s
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
# A running one is not stopped; its token is taken away, so that its end changes nothing. In the
# order of ids: two who cancel the same ones do not wait for each other in a circle.
_CANCEL = """
WITH chosen AS MATERIALIZED (
    SELECT id FROM durable_tasks_task WHERE id = ANY(%s) AND state < %s ORDER BY id FOR UPDATE
), cancelled AS (
    UPDATE durable_tasks_task t SET state = 4, reason = 'cancelled', error = %s, traceback = '',
        failed_at = clock_timestamp(), first_failed_at = coalesce(first_failed_at, now()),
        publication = NULL, claim = NULL, leased_until = NULL, unique_key = NULL
    FROM chosen WHERE t.id = chosen.id RETURNING t.id, t.name
), noted AS (
    INSERT INTO durable_tasks_event (task_id, name, kind, by)
    SELECT id, name, 'cancelled', %s FROM cancelled
)
SELECT id FROM cancelled
"""


def cancel(ids: Iterable[UUID | str], *, by: str = "", is_running_too: bool = True) -> list[UUID]:
    """Cancel tasks in the open transaction, else in one of its own; return those that were.

    `by` is who did it, for people. What a running one changes in the database is discarded; what
    it has done outside stays done. Ended tasks are left alone. Cancelled ones are in the failed
    set, from where they can be replayed or discarded. Two at once: each is cancelled once. Raises
    `TasksHeld` where another transaction holds one of them for seconds: nothing was cancelled.
    """
    by = clean(by, BY_CHARACTERS)
    values: list[Any] = [
        [UUID(str(each)) for each in ids],
        (State.FAILED if is_running_too else State.RUNNING).value,
        clean(f"Cancelled by {by or 'somebody'}.", ERROR_CHARACTERS),
        by,
    ]
    with locks.bounded_for_people() as cursor:
        cursor.execute(_CANCEL, values)
        return [row[0] for row in cursor.fetchall()]


def cancel_all(
    selection: Selection, *, by: str = "", progress: Callable[[int], object] | None = None
) -> int:
    """Cancel what a selection means, a thousand rows a transaction; return how many were.

    Its states say whether running ones are meant. Crash: whole thousands are done.
    """
    where, values = selection.where()
    done, last = 0, UUID(int=0)
    while True:
        with locks.bounded_for_people() as cursor:
            cursor.execute(_NEXT.format(where=where), [*values, last, AT_ONCE])
            ids = [row[0] for row in cursor.fetchall()]
            done += len(cancel(ids, by=by))
        if len(ids) < AT_ONCE:
            return done
        last = ids[-1]
        if progress is not None:
            progress(done)
