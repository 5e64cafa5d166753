"""For tests: the rows that are enqueued and have not ended, and what is said of them."""

from typing import Any

from django.db.models.functions import Now

from . import arguments, configuration
from .models import State, TaskRow


def matching(task: Any, args: Any, kwargs: Any, queue: str | None) -> list[TaskRow]:
    """Return the enqueued rows of a task (or a name); None stands for any."""
    rows = _rows().filter(name=_name(task)).order_by("id")
    if queue is not None:
        rows = rows.filter(queue=queue)
    return [row for row in rows if _has(row, args, kwargs)]


def next_ready(task: Any, queue: str | None, scheduled: bool, passed_over: list[Any]) -> Any:
    """Return the row that a worker would take next, or None; with `scheduled` before its time."""
    rows = _rows().exclude(state=State.RUNNING).exclude(pk__in=passed_over)
    if task is not None:
        rows = rows.filter(name=_name(task))
    if queue is not None:
        rows = rows.filter(queue=queue)
    if not scheduled:
        # Now() would be when the test's transaction began.
        rows = rows.filter(due_at__lte=_StatementTime())
    return rows.order_by("rank", "due_at", "id").first()


def asked(task: Any, args: Any, kwargs: Any, queue: str | None) -> str:
    """Return what was looked for, in words."""
    given = {"args": args, "kwargs": kwargs, "queue": queue}
    words = [f"{key}={value!r}" for key, value in given.items() if value is not None]
    return " with ".join([_name(task), ", ".join(words)] if words else [_name(task)])


def all_rows() -> str:
    """Return what is enqueued, in words."""
    rows = [
        f"  {row.name}: arguments {row.arguments}, queue {row.queue!r}, {row.get_state_display()},"
        f" due at {row.due_at}"
        for row in _rows().order_by("id")
    ]
    return "\n".join(["Enqueued are:", *rows]) if rows else "Nothing is enqueued."


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


class _StatementTime(Now):
    """The time of the statement, whenever its transaction began."""

    template = "STATEMENT_TIMESTAMP()"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL; `Now` has a template of its own for this database."""
        return self.as_sql(compiler, connection, **context)
