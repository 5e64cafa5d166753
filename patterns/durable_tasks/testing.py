"""Helpers for tests: what is enqueued; run it here; run a task twice.

They work inside a test's transaction (Django's TestCase, pytest-django's `db`) and without a
broker. A task goes through the same code as in a worker, but for the message, the lease and the
time limits. Plain tasks (`durable = False`) are not rows, and are not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from celery import Celery, current_app

from .enqueued import all_rows, asked, matching, next_ready
from .models import TaskRow
from .trial import Ran, run_row
from .twice import twice

# A task that enqueues itself for ever shall fail its test, not hang it.
MOST_RUNS = 1000


def assert_enqueued(
    task: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
    count: int | None = None,
) -> list[TaskRow]:
    """Fail unless a task (or a name) is enqueued: `count` times, or at least once. Return the rows.

    `args`, `kwargs` and `queue` narrow it down; None stands for any.
    """
    rows = matching(task, args, kwargs, queue)
    if (count is None and rows) or len(rows) == count:
        return rows
    times = "" if count is None else f", {len(rows)} times instead of {count}"
    what = asked(task, args, kwargs, queue)
    raise AssertionError(f"{what} is {'' if rows else 'not '}enqueued{times}. {all_rows()}")


def refute_enqueued(
    task: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
) -> None:
    """Fail where a task (or a name) is enqueued."""
    if matching(task, args, kwargs, queue):
        raise AssertionError(f"{asked(task, args, kwargs, queue)} is enqueued. {all_rows()}")


def run_enqueued(
    task: Any = None,
    *,
    queue: str | None = None,
    scheduled: bool = False,
    raises: bool = True,
    app: Celery | None = None,
) -> list[Ran]:
    """Run what is ready, and what that enqueues, until nothing is; return what ran, in order.

    `task` and `queue` narrow it down. `scheduled`: also what is due later, as if its time had
    come, retries included. The first failure is raised, unless `raises` is False; its row is
    among the failed ones, as in production.
    """
    ran: list[Ran] = []
    passed_over: list[Any] = []
    while row := next_ready(task, queue, scheduled, passed_over):
        if len(ran) == MOST_RUNS:
            raise AssertionError(f"{MOST_RUNS} tasks have run, and {row} is ready: a loop?")
        ran.append(run_row(row, app or current_app))
        if ran[-1].outcome == "not started":
            passed_over.append(row.pk)
        if raises and ran[-1].outcome == "failed" and ran[-1].error is not None:
            raise ran[-1].error
    return ran


def run_twice(task: Any, *args: Any, ignoring: Sequence[str] = (), **kwargs: Any) -> Any:
    """Run a task, and again: fail where the second run changes a row or contacts the outside.

    Both have the same id. `ignoring` names tables that may change. What the first run enqueues is
    not run; that the second one enqueues it again is a change. Return the first run's result.
    For all tasks of a project, with more that may be allowed: samples.py.
    """
    done = twice(task, args, kwargs)
    changes = {name: told for name, told in done.second.changes.items() if name not in ignoring}
    if told := replace(done.second, changes=changes).told():
        raise AssertionError(f"{task.name} run twice: the second run {told}")
    return done.result
