"""Which tasks are meant: one WHERE for lists, counts, groups, replay, discard and cancel."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from . import configuration
from .error_text import clean
from .models import State, TaskRow
from .sought import calls

TEXT_CHARACTERS = 500  # of a filter; whoever looks for something types less
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
            found.append(_containing(self.text))
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


def read(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement that reads, by the indexes, and return its rows."""
    with by_index(), connections[configuration.database()].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


@contextmanager
def by_index() -> Iterator[None]:
    """Let the queries of a block go by the indexes.

    Statistics are older than a burst of failures, and where they say that many have failed, the
    planner reads the table from end to end; the partial indexes are right at any time.
    """
    alias = configuration.database()
    with transaction.atomic(using=alias, savepoint=False):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT set_config('enable_seqscan', 'off', true)")
        yield


def _containing(text: str) -> tuple[str, list[Any]]:
    plain, in_json = _like(text), _like(json.dumps(text, ensure_ascii=False)[1:-1])
    condition = "name ILIKE %s OR error ILIKE %s OR shown ILIKE %s"
    values: list[Any] = [plain, plain, in_json]
    for name, encoded in calls(clean(text, TEXT_CHARACTERS)):
        condition += " OR (name = %s AND arguments = ANY(%s))"
        values += [name, encoded]
    return condition, values


def _like(text: str) -> str:
    """Return a pattern that means the text itself."""
    escaped = clean(text, TEXT_CHARACTERS).replace("\\", "\\\\")
    return "%{}%".format(escaped.replace("%", "\\%").replace("_", "\\_"))
