"""Do something to a batch of failed rows: to those that can take it, in one transaction."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from . import arguments, configuration
from .enqueue import CHANNEL
from .error_text import BY_CHARACTERS, ERROR_CHARACTERS, clean, words
from .hooks import Hooks
from .obstacles import NO_ARGUMENTS, task_of

logger = logging.getLogger(__name__)

COLUMNS = "id, name, queue, plain, arguments <> '' AS has_arguments, failed_at"
Call = tuple[Sequence[Any], dict[str, Any]]


class Chosen(NamedTuple):
    """A failed row, locked."""

    id: UUID
    name: str
    queue: str
    plain: bool
    has_arguments: bool
    failed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is done to rows: what stands against it, the task's hook, the statement."""

    obstacle: Callable[[Chosen], str]
    hook: str
    statement: str
    notifies: bool = False

    def run(
        self, cursor: Any, chosen: Sequence[Chosen], by: str
    ) -> tuple[list[UUID], Counter[str]]:
        """Do it to locked rows, in the open transaction; return whose, and why others stay."""
        ready, left = _sorted(chosen, self.obstacle)
        for (name, queue), ids in _by_task(ready).items():
            refused = self._hooked(cursor, task_of(name, queue), ids)
            left.update(refused.values())
            ready = [row for row in ready if row.id not in refused]
        if not ready:
            return [], left
        cursor.execute(self.statement, [[row.id for row in ready], clean(by, BY_CHARACTERS)])
        done = [row[0] for row in cursor.fetchall()]
        if self.notifies:
            cursor.execute(f"SELECT pg_notify('{CHANNEL}', '')")
        return done, left

    def _hooked(self, cursor: Any, task: Any, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Tell the task of its rows, where it wants to know; return those that it refuses."""
        if getattr(type(task), self.hook, None) in (None, getattr(Hooks, self.hook)):
            return {}
        cursor.execute("SELECT id, arguments FROM durable_tasks_task WHERE id = ANY(%s)", [ids])
        calls, refused = _decoded(cursor.fetchall())
        if calls and (why := self._refusal(task, list(calls.values()))):
            if len(calls) == 1:
                return refused | dict.fromkeys(calls, why)
            # One of them may be at fault: the others are not to stay for it.
            for id, call in calls.items():
                if why := self._refusal(task, [call]):
                    refused[id] = why
        return refused

    def _refusal(self, task: Any, calls: list[Call]) -> str:
        """Call the hook; return what it raised, and undo what it had changed until then."""
        try:
            with transaction.atomic(using=configuration.database()):
                getattr(task, self.hook)(calls)
        except (OperationalError, InterfaceError):  # the database's, not these rows' fault
            raise
        except Exception as error:
            logger.exception("%s.%s() refuses %d rows.", task.name, self.hook, len(calls))
            return clean(f"{task.name}.{self.hook}() raised {words(error)}", ERROR_CHARACTERS)
        return ""


def locked(cursor: Any, condition: str, values: Sequence[Any]) -> list[Chosen]:
    """Return rows by a condition that ends in how they are locked."""
    cursor.execute(f"SELECT {COLUMNS} FROM durable_tasks_task WHERE {condition}", values)  # noqa: S608  of this package
    return [Chosen(*row) for row in cursor.fetchall()]


def _sorted(
    chosen: Iterable[Chosen], why_not: Callable[[Chosen], str]
) -> tuple[list[Chosen], Counter[str]]:
    ready: list[Chosen] = []
    left: Counter[str] = Counter()
    for row in chosen:
        if why := why_not(row):
            left[why] += 1
        else:
            ready.append(row)
    return ready, left


def _by_task(ready: Iterable[Chosen]) -> dict[tuple[str, str], list[UUID]]:
    found: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for row in ready:
        found[row.name, row.queue].append(row.id)
    return found


def _decoded(rows: Iterable[tuple[UUID, str]]) -> tuple[dict[UUID, Call], dict[UUID, str]]:
    calls: dict[UUID, Call] = {}
    refused: dict[UUID, str] = {}
    for id, text in rows:
        try:
            calls[id] = arguments.decode(text)
        except (TypeError, ValueError, RecursionError):
            refused[id] = NO_ARGUMENTS
    return calls, refused
