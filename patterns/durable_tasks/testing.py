"""Helpers for tests: what is enqueued; run it here; run a task twice.

They work inside a test's transaction (Django's TestCase, pytest-django's `db`) and without a
broker. A task goes through the same code as in a worker, but for the message, the lease and the
time limits. Plain tasks (`durable = False`) are not rows, and are not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from celery import Celery, current_app
from django.db.models.functions import Now

from . import arguments, configuration
from .models import State, TaskRow
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
    rows = _matching(task, args, kwargs, queue)
    if (count is None and rows) or len(rows) == count:
        return rows
    times = "" if count is None else f", {len(rows)} times instead of {count}"
    what = _asked(task, args, kwargs, queue)
    raise AssertionError(f"{what} is {'' if rows else 'not '}enqueued{times}. {_all_rows()}")


def refute_enqueued(
    task: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
) -> None:
    """Fail where a task (or a name) is enqueued."""
    if _matching(task, args, kwargs, queue):
        raise AssertionError(f"{_asked(task, args, kwargs, queue)} is enqueued. {_all_rows()}")


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
    while row := _next(task, queue, scheduled, passed_over):
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


def _matching(task: Any, args: Any, kwargs: Any, queue: str | None) -> list[TaskRow]:
    rows = _rows().filter(name=_name(task)).order_by("id")
    if queue is not None:
        rows = rows.filter(queue=queue)
    return [row for row in rows if _has(row, args, kwargs)]


def _has(row: TaskRow, args: Any, kwargs: Any) -> bool:
    """Compare as JSON has it: a tuple is a list."""
    has_args, has_kwargs = arguments.decode(row.arguments)
    text = arguments.encode(
        row.name,
        has_args if args is None else args,
        has_kwargs if kwargs is None else kwargs,
        1 << 30,
    )
    return arguments.decode(text) == (has_args, has_kwargs)


def _rows() -> Any:
    return TaskRow.objects.using(configuration.database()).filter(state__lt=State.FAILED)


def _name(task: Any) -> str:
    # A Django task's `name` is its function's alone.
    return str(task if isinstance(task, str) else getattr(task, "module_path", task.name))


def _asked(task: Any, args: Any, kwargs: Any, queue: str | None) -> str:
    given = {"args": args, "kwargs": kwargs, "queue": queue}
    words = [f"{key}={value!r}" for key, value in given.items() if value is not None]
    return " with ".join([_name(task), ", ".join(words)] if words else [_name(task)])


def _all_rows() -> str:
    rows = [
        f"  {row.name}: arguments {row.arguments}, queue {row.queue!r}, {row.get_state_display()},"
        f" due at {row.due_at}"
        for row in _rows().order_by("id")
    ]
    return "\n".join(["Enqueued are:", *rows]) if rows else "Nothing is enqueued."


def _next(task: Any, queue: str | None, scheduled: bool, passed_over: list[Any]) -> Any:
    rows = _rows().exclude(state=State.RUNNING).exclude(pk__in=passed_over)
    if task is not None:
        rows = rows.filter(name=_name(task))
    if queue is not None:
        rows = rows.filter(queue=queue)
    if not scheduled:
        # Now() would be when the test's transaction began.
        rows = rows.filter(due_at__lte=_StatementTime())
    return rows.order_by("rank", "due_at", "id").first()


class _StatementTime(Now):
    """The time of the statement, whenever its transaction began."""

    template = "STATEMENT_TIMESTAMP()"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL; `Now` has a template of its own for this database."""
        return self.as_sql(compiler, connection, **context)
