"""Replay and discard failed tasks: one, many, or all that a selection means.

A replayed task keeps its id, its arguments and with them whatever key it has for its effects; its
budgets begin anew, its history goes on. When it succeeds its row is gone; failing again it is the
same row with one failure more.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from . import configuration
from .batches import DISCARD, REPLAY, Operation, locked
from .models import State, TaskRow
from .obstacles import obstacle
from .selection import Group, Selection, count, groups, rows

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
]
__all__ += ["now", "obstacles", "replay", "replay_failed_of", "rows"]

# What was replayed and has not ended: in no list of failed tasks, and not over either.
REPLAYED = Selection(
    states=(State.SCHEDULED, State.READY, State.PUBLISHED, State.RUNNING), has_failed=True
)
# A transaction of some hundred milliseconds; what has been done stays, whatever stops the rest.
AT_ONCE = 1000
ALARMED_GROUPS = 20
Progress = Callable[[int], object]

# What somebody else replays or discards at this moment is passed over: theirs is the outcome.
_NEXT = """{where} AND failed_at <= %s AND (failed_at, id) > (%s::timestamptz, %s::uuid)
ORDER BY failed_at, id LIMIT %s FOR UPDATE SKIP LOCKED"""
# Statistics are older than a burst of failures; the indexes are right at any time. A bitmap of all
# failed rows is read for each thousand.
_BY_INDEX = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a replay or a discard did: to how many rows, and how many stay for which reason.

    `next` is what to go on `after`, where the time was up; None: everything was looked at.
    """

    done: int = 0
    left: dict[str, int] = field(default_factory=dict)
    next: str | None = None


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
    done. Two at once: each row is replayed once. Raises what the database raises, and ValueError
    for an `after` that is none.
    """
    return _walk(REPLAY, selection, by, progress, seconds, after)


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
    return _walk(DISCARD, selection, by, progress, seconds, after)


def replay_failed_of(task_name: str, encoded: Sequence[str], *, by: str) -> list[str]:
    """Replay the failed rows of one task that have exactly these arguments, as rows keep them.

    In the open transaction, else in one of its own. Returns the arguments of those that are
    replayed. Two at once: the second waits, and finds none.
    """
    with _transaction() as cursor:
        having = "state = 4 AND name = %s AND arguments = ANY(%s) ORDER BY id FOR UPDATE"
        chosen = locked(cursor, having, [task_name, list(encoded)])
        done, _ = REPLAY.run(cursor, chosen, by)
        cursor.execute("SELECT arguments FROM durable_tasks_task WHERE id = ANY(%s)", [done])
        return [row[0] for row in cursor.fetchall()]


def alarms() -> list[str]:
    """Return what somebody should look at: a line for each group of equal failures."""
    return [
        f"{each.count:,} {'task' if each.count == 1 else 'tasks'} {each.name or '(unreadable)'}"
        f" failed ({each.exception}), last at {each.newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC:"
        " look at them in the admin or with `manage.py failed list`."
        for each in groups(Selection(), limit=ALARMED_GROUPS)
    ]


def now() -> datetime:
    """Return the database's time, by which failures are dated."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def obstacles(of: Iterable[TaskRow]) -> dict[UUID, str]:
    """Return for each row that cannot be replayed why, in a sentence."""
    found = {
        row.pk: obstacle(row.name, row.queue, plain=row.plain, has_arguments=bool(row.arguments))
        for row in of
    }
    return {pk: why for pk, why in found.items() if why}


@dataclass(frozen=True, kw_only=True)
class _Position:
    """When a walk began, and how far it has come."""

    began: str
    failed_at: str = "-infinity"
    id: str = str(UUID(int=0))

    @classmethod
    def read(cls, text: str) -> "_Position":
        began, failed_at, id = text.split("|")
        return cls(began=_utc(began), failed_at=_utc(failed_at), id=str(UUID(id)))

    def __str__(self) -> str:
        return f"{self.began}|{self.failed_at}|{self.id}"


def foreseen(selection: Selection) -> dict[str, int]:
    """Return how many could not be replayed, and why, as far as one knows without trying."""
    where, values = selection.where()
    left = Counter[str]()
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(
            "SELECT name, queue, plain, arguments <> '', count(*) FROM durable_tasks_task"  # noqa: S608
            f" WHERE {where} GROUP BY 1, 2, 3, 4",
            values,
        )
        for name, queue, plain, has_arguments, number in cursor.fetchall():
            left[obstacle(name, queue, plain=plain, has_arguments=has_arguments)] += number
    return {why: number for why, number in left.items() if why}


def _utc(text: str) -> str:
    """Return a moment that the database can read; raise ValueError for what is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(f"{text!r} is no time.") from error


def _walk(
    operation: Operation,
    selection: Selection,
    by: str,
    progress: Progress | None,
    seconds: float | None,
    after: str | None,
) -> Outcome:
    if not selection.is_failed_alone():
        raise ValueError("Only failed tasks can be replayed or discarded; cancel the others.")
    position = _Position(began=now().isoformat()) if after is None else _Position.read(after)
    until = None if seconds is None else time.monotonic() + seconds
    done, left = 0, Counter[str]()
    while True:
        count, why, last = _step(operation, selection, by, position)
        done, left = done + count, left + why
        if last is None:
            return Outcome(done=done, left=dict(left))
        position = last
        if progress is not None:
            progress(done)
        if until is not None and time.monotonic() > until:
            return Outcome(done=done, left=dict(left), next=str(position))


def _step(
    operation: Operation, selection: Selection, by: str, position: _Position
) -> tuple[int, Counter[str], _Position | None]:
    """Do one batch; return how many were done, why others stay, and None once nothing is left."""
    where, values = selection.where()
    values += [position.began, position.failed_at, position.id, AT_ONCE]
    with _transaction() as cursor:
        chosen = locked(cursor, _NEXT.format(where=where), values)
        done, why = operation.run(cursor, chosen, by)
    if len(chosen) < AT_ONCE:
        return len(done), why, None
    last = chosen[-1]
    return len(done), why, replace(position, failed_at=last.failed_at.isoformat(), id=str(last.id))


@contextmanager
def _transaction() -> Iterator[Any]:
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(_BY_INDEX)
        yield cursor
