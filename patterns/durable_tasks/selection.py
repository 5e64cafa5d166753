"""Which tasks are meant: one WHERE for lists, counts, groups, replay, discard and cancel."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from . import configuration
from .error_text import clean
from .models import State, TaskRow
from .reading import by_index, read
from .sought import TEXT_CHARACTERS, containing

# What a list shows of a row; arguments, traceback and message may be megabytes.
LISTED = (
    "id, name, queue, state, plain, enqueued_at, due_at, started_at, retries, crashes, failures,"
    " first_failed_at, failed_at, reason, exception, error, shown, worker, origin"
)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Failed tasks. None narrows nothing; "" is a task without a name, of an unreadable message.

    `since` and `until` are of the last failure, and included; where `states` says that others are
    meant, of the enqueuing. `text` is looked for in task, error and redacted arguments, whatever
    its case, and in what tasks say of their rows: a mail's recipient.
    """

    states: Collection[State] = (State.FAILED,)
    ids: Collection[UUID] | None = None
    name: str | None = None
    queue: str | None = None
    exception: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    # Only what had failed and was replayed: until it has succeeded it is not over.
    has_failed: bool = False

    def fixed(self, until: datetime) -> "Selection":
        """Return the same as of a moment: what comes later was not counted, and is not meant."""
        return replace(self, until=min(until, self.until or until))

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition on `durable_tasks_task`, and its parameters."""
        # As literals: only so does a partial index match.
        states = [str(State(each).value) for each in self.states]
        conditions, values = [f"state = {' OR state = '.join(states)}"], []
        for condition, given in self._conditions():
            conditions.append(condition)
            values += given
        return f"({') AND ('.join(conditions)})", values

    def is_everything(self) -> bool:
        """Tell whether nothing was narrowed."""
        return replace(self, text=self.text or None) == Selection(states=self.states)

    def _conditions(self) -> list[tuple[str, list[Any]]]:
        found: list[tuple[str, list[Any]]] = []
        if self.ids is not None:
            found.append(("id = ANY(%s)", [list(self.ids)]))
        for column in ("name", "queue", "exception", "reason"):
            if (value := getattr(self, column)) is not None:
                found.append((f"{column} = %s", [clean(value, TEXT_CHARACTERS)]))
        if self.since is not None:
            found.append((f"{self.dated_by} >= %s", [self.since]))
        if self.until is not None:
            found.append((f"{self.dated_by} <= %s", [self.until]))
        if self.has_failed:
            found.append(("failures > 0", []))
        if self.text:
            found.append(containing(self.text))
        return found

    @property
    def dated_by(self) -> str:
        """Return the column that says when."""
        return "failed_at" if self.is_failed_alone() else "enqueued_at"

    def is_failed_alone(self) -> bool:
        """Tell whether all it means is failed tasks, which are dated by their failure."""
        return set(self.states) == {State.FAILED}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Equal failures: of one task, with one type of exception (or reason, where none was)."""

    name: str
    exception: str
    count: int
    first: datetime
    newest: datetime


def count(selection: Selection, limit: int | None = None) -> int:
    """Return how many there are; with a limit, `limit` stands for as many or more."""
    where, values = selection.where()
    bounded = "" if limit is None else f" LIMIT {int(limit)}"
    rows = read(
        f"SELECT count(*) FROM (SELECT FROM durable_tasks_task WHERE {where}{bounded}) AS r",  # noqa: S608  of this module
        values,
    )
    return int(rows[0][0])


def groups(selection: Selection, limit: int = 100) -> list[Group]:
    """Return groups of equal failures: that with the newest failure first."""
    where, values = selection.where()
    rows = read(
        "SELECT name, exception, count(*), min(failed_at), max(failed_at) FROM durable_tasks_task"  # noqa: S608
        f" WHERE {where} GROUP BY name, exception ORDER BY max(failed_at) DESC LIMIT %s",
        [*values, limit],
    )
    return [
        Group(name=name, exception=exception, count=number, first=first, newest=newest)
        for name, exception, number, first, newest in rows
    ]


def rows(selection: Selection, limit: int) -> list[TaskRow]:
    """Return the newest, without what is large (loaded where it is asked for)."""
    where, values = selection.where()
    # Each as an index has it; ids are in the order in which tasks were enqueued.
    order = "due_at DESC" if selection.has_failed else "id DESC"
    if selection.is_failed_alone():
        order = "failed_at DESC"
    with by_index():
        return list(
            TaskRow.objects.using(configuration.database()).raw(
                f"SELECT {LISTED} FROM durable_tasks_task WHERE {where}"  # noqa: S608
                f" ORDER BY {order} LIMIT %s",
                [*values, limit],
            )
        )
