"""Walk through the failed rows that a selection means: a batch, a transaction, the next batch."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections

from . import configuration, locks
from .batches import Operation, locked
from .selection import Selection

# A transaction of some hundred milliseconds; what has been done stays, whatever stops the rest.
AT_ONCE = 1000
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


@dataclass(frozen=True, kw_only=True)
class Position:
    """When a walk began, and how far it has come."""

    began: str
    failed_at: str = "-infinity"
    id: str = str(UUID(int=0))

    @classmethod
    def read(cls, text: str) -> "Position":
        """Return what was written; raise ValueError for anything else."""
        began, failed_at, id = text.split("|")
        return cls(began=_utc(began), failed_at=_utc(failed_at), id=str(UUID(id)))

    def __str__(self) -> str:
        """Write it for `read()`: a page hands it on to the next."""
        return f"{self.began}|{self.failed_at}|{self.id}"


def walk(
    operation: Operation,
    selection: Selection,
    by: str,
    progress: Progress | None,
    seconds: float | None,
    after: str | None,
) -> Outcome:
    """Go through a selection, a batch a transaction; see `failed.replay()`."""
    if not selection.is_failed_alone():
        raise ValueError("Only failed tasks can be replayed or discarded; cancel the others.")
    position = Position(began=now().isoformat()) if after is None else Position.read(after)
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


@contextmanager
def in_transaction() -> Iterator[Any]:
    """Give a cursor in a transaction, which is the caller's where one is open.

    Raises `TasksHeld` where another transaction holds what it wants.
    """
    with locks.bounded_for_people() as cursor:
        cursor.execute(_BY_INDEX)
        yield cursor


def now() -> datetime:
    """Return the database's time, by which failures are dated."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def _step(
    operation: Operation, selection: Selection, by: str, position: Position
) -> tuple[int, Counter[str], Position | None]:
    """Do one batch; return how many were done, why others stay, and None once nothing is left."""
    where, values = selection.where()
    values += [position.began, position.failed_at, position.id, AT_ONCE]
    with in_transaction() as cursor:
        chosen = locked(cursor, _NEXT.format(where=where), values)
        done, why = operation.run(cursor, chosen, by)
    if len(chosen) < AT_ONCE:
        return len(done), why, None
    last = chosen[-1]
    return len(done), why, replace(position, failed_at=last.failed_at.isoformat(), id=str(last.id))


def _utc(text: str) -> str:
    """Return a moment that the database can read; raise ValueError for what is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except OverflowError as error:
        raise ValueError(f"{text!r} is no time.") from error
