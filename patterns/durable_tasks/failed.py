"""Replay and discard failed tasks: one, many, or all that a selection means.

A replayed task keeps its id, its arguments and with them whatever key it has for its effects; its
budgets begin anew, its history goes on. When it succeeds its row is gone; failing again it is the
same row with one failure more.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC
from uuid import UUID

from .batches import locked
from .discard import DISCARD
from .models import State, TaskRow
from .obstacles import obstacle
from .reading import read
from .replay import REPLAY
from .selection import Group, Selection, count, groups, rows
from .terminal import counted, printable
from .walking import Outcome, Progress, in_transaction, now, walk

__all__ = [
    "REPLAYED",
    "Group",
    "Outcome",
    "Selection",
    "alarms",
    "count",
    "discard",
    "foreseen",
    "groups",
    "now",
    "obstacles",
    "replay",
    "replay_failed_of",
    "rows",
]

# What was replayed and has not ended: in no list of failed tasks, and not over either.
REPLAYED = Selection(
    states=(State.SCHEDULED, State.READY, State.PUBLISHED, State.RUNNING), has_failed=True
)
ALARMED_GROUPS, NAME_CHARACTERS = 20, 100


def replay(
    selection: Selection,
    *,
    by: str,
    progress: Progress | None = None,
    seconds: float | None = None,
    after: str | None = None,
) -> Outcome:
    """Let failed tasks run again, a thousand rows a transaction (all in the caller's, if one is
    open). Only what had failed when this began is touched, so nothing is replayed in a circle.

    `by` is who asks, for the history. `progress` is called with the number done so far. Once
    `seconds` have passed it stops after a thousand; `after` goes on. Crash: whole thousands are
    done. Two at once: each row is replayed once. Raises what the database raises, `TasksHeld` where
    another transaction holds what a task's hook wants, and ValueError for an `after` that is none.
    """
    return walk(REPLAY, selection, by, progress, seconds, after)


def discard(
    selection: Selection,
    *,
    by: str,
    progress: Progress | None = None,
    seconds: float | None = None,
    after: str | None = None,
) -> Outcome:
    """Give failed tasks up: they never run again, and are kept as history until it is purged.

    Everything else is as in `replay()`.
    """
    return walk(DISCARD, selection, by, progress, seconds, after)


def replay_failed_of(task_name: str, encoded: Sequence[str], *, by: str) -> list[str]:
    """Replay the failed rows of one task that have exactly these arguments, as rows keep them.

    In the open transaction, else in one of its own. Returns the arguments of those that are
    replayed. Two at once: the second waits, and finds none; seconds at most, then `TasksHeld`.
    """
    with in_transaction() as cursor:
        having = "state = 4 AND name = %s AND arguments = ANY(%s) ORDER BY id FOR UPDATE"
        chosen = locked(cursor, having, [task_name, list(encoded)])
        done, _ = REPLAY.run(cursor, chosen, by)
        cursor.execute("SELECT arguments FROM durable_tasks_task WHERE id = ANY(%s)", [done])
        return [row[0] for row in cursor.fetchall()]


def alarms() -> list[str]:
    """Return what somebody should look at: a line for each group of equal failures.

    The newest groups alone, where there are many; no name breaks its line.
    """
    return [
        f"{counted(each.count)} {printable(each.name or '(unreadable)', NAME_CHARACTERS)} failed"
        f" ({printable(each.exception, NAME_CHARACTERS)}), last at"
        f" {each.newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC: look at them in the admin or with"
        " `manage.py failed list`."
        for each in groups(Selection(), limit=ALARMED_GROUPS)
    ]


def obstacles(of: Iterable[TaskRow]) -> dict[UUID, str]:
    """Return for each row that cannot be replayed why, in a sentence."""
    found = {
        row.pk: obstacle(row.name, row.queue, plain=row.plain, has_arguments=bool(row.arguments))
        for row in of
    }
    return {pk: why for pk, why in found.items() if why}


def foreseen(selection: Selection) -> dict[str, int]:
    """Return how many could not be replayed, and why, as far as one knows without trying."""
    where, values = selection.where()
    left = Counter[str]()
    found = read(
        "SELECT name, queue, plain, arguments <> '', count(*) FROM durable_tasks_task"  # noqa: S608
        f" WHERE {where} GROUP BY 1, 2, 3, 4",
        values,
    )
    for name, queue, plain, has_arguments, number in found:
        left[obstacle(name, queue, plain=plain, has_arguments=has_arguments)] += number
    return {why: number for why, number in left.items() if why}
