"""Run a task, and again under the same id once it has succeeded; tell what each run did.

As a delivery does that comes once more: a broker that came back old, a restore from a backup.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from . import configuration
from .contacts import Contacts, contacts, other_threads
from .fingerprints import Table, difference, tables
from .models import State, TaskRow
from .trial import Ran, run_row
from .wanted_samples import has_ended_badly

TASKS = TaskRow._meta.db_table


Calls = Counter[tuple[str, str]]  # of a task by its name, with arguments


@dataclass(frozen=True, kw_only=True)
class Did:
    """What one run did: `changes` are those of tables, by name; all of it in words."""

    changes: Mapping[str, str]
    contacts: Sequence[str]
    enqueued: Calls
    far_side: str  # "" where that is as it was

    def told(self) -> str:
        """Say it, a line each."""
        lines = [f"changed {each}" for each in self.changes.values()]
        lines += [f"contacted the outside: {each}" for each in self.contacts]
        return "\n".join([*lines, *([self.far_side] if self.far_side else [])])


@dataclass(frozen=True, kw_only=True)
class Twice:
    """The first run's result, and what both did."""

    result: Any
    first: Did
    second: Did


@dataclass(frozen=True, kw_only=True)
class _State:
    tables: Mapping[str, Table]
    enqueued: Calls
    far_side: Any


def twice(
    task: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    own_servers: Collection[str] = (),
    far_side: Callable[[], Any] = lambda: None,
) -> Twice:
    """Run a task twice; raise what the first run raises, and AssertionError where the second does.

    What the first run enqueues is not run. A plain task runs as Celery's `apply()` has it.
    `own_servers` (`host:port`) are no outside; `far_side()` tells what the outside holds.
    """
    task_id = str(uuid4())
    before = _state(far_side)
    # The threads of both: one that the first run has started is the task's in the second too.
    watching = partial(contacts, own_servers, other_threads())
    with watching() as first:
        result = _run(task, args, kwargs, task_id)
    # What the first run has left connected would hide what the second one sends.
    first.end_connections()
    between = _state(far_side)
    second = _run_again(task, args, kwargs, task_id, watching)
    after = _state(far_side)
    return Twice(
        result=result,
        first=_did(before, between, first.found),
        second=_did(between, after, second),
    )


def _state(far_side: Callable[[], Any]) -> _State:
    rows = TaskRow.objects.using(configuration.database()).values_list("name", "arguments")
    return _State(tables=tables(), enqueued=Counter(rows), far_side=far_side())


def _did(before: _State, after: _State, contacted: Sequence[str]) -> Did:
    changes = {
        table: difference(table, before.tables.get(table), after.tables.get(table))
        for table in sorted(before.tables.keys() | after.tables.keys())
        if before.tables.get(table) != after.tables.get(table)
    }
    is_as_it_was = before.far_side == after.far_side
    far_side = "" if is_as_it_was else f"the far side: {before.far_side!r}, then {after.far_side!r}"
    enqueued = after.enqueued - before.enqueued
    return Did(changes=changes, contacts=contacted, enqueued=enqueued, far_side=far_side)


def _run_again(
    task: Any,
    args: Any,
    kwargs: Any,
    task_id: str,
    watching: Callable[[], AbstractContextManager[Contacts]],
) -> list[str]:
    """Return what a second run contacts."""
    with watching() as second:
        try:
            _run(task, args, kwargs, task_id)
        except Exception as error:
            raise AssertionError(has_ended_badly(task.name, error, second.found)) from error
    return second.found


def _run(task: Any, args: Any, kwargs: Any, task_id: str) -> Any:
    if not task.durable:
        return task.apply(args, kwargs, task_id=task_id, throw=True).result
    task.apply_async(args, kwargs, task_id=task_id)
    rows = TaskRow.objects.using(configuration.database()).filter(state__lt=State.FAILED)
    return _completed(task, run_row(rows.get(pk=task_id), task.app))


def _completed(task: Any, ran: Ran) -> Any:
    if ran.outcome == "failed" and ran.error is not None:
        raise ran.error
    if ran.outcome != "completed":
        raise AssertionError(f"{task.name} has not completed: {ran.outcome}, {ran.error!r}.")
    return ran.result
