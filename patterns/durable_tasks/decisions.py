"""What `retry()` asks for: Celery would publish; here it is noted, and written at the end."""

from collections.abc import Mapping
from typing import Any

from kombu.utils.json import dumps

from . import arguments, configuration, moments, priorities, refusals, settle
from .errors import NotKept
from .row_options import read_options
from .run import Run

# What retry() may change for the next attempt; the rest of the options stays as it was.
CHANGEABLE = ("time_limit", "soft_time_limit")
COLUMNS = ("queue", "priority")


def refuse(task: Any, options: Mapping[str, Any]) -> None:
    """Raise `NotKept` for an option of `retry()` that would not be kept."""
    if lost := sorted(options.keys() - {*CHANGEABLE, *COLUMNS}):
        raise NotKept(
            f"{task.name}: retry() of a durable task does not change {', '.join(lost)}; enqueue"
            " another task with that option, and return."
        )
    refusals.time_limits(task.name, options.get("time_limit"), options.get("soft_time_limit"))


def is_own_retry(run: Run, options: Mapping[str, Any]) -> bool:
    """Tell whether a call of apply_async() is Celery's `retry()` of the run itself."""
    return bool(options.get("retries")) and options.get("task_id") == str(run.claim.id)


def decide(task: Any, run: Run, args: Any, kwargs: Any, options: Mapping[str, Any]) -> settle.Retry:
    """Return the decision in the row's terms."""
    limit = task.max_argument_bytes or configuration.max_argument_bytes()
    encoded = arguments.encode(task.name, args or (), kwargs or {}, limit)
    is_changed = not run.keeps_arguments and encoded != run.claim.arguments
    shown = arguments.redacted(task, args or (), kwargs or {})
    countdown, eta = options.get("countdown"), options.get("eta")
    delay, due_at = moments.due(task.app, task.name, countdown, eta)
    queue, priority = options.get("queue"), options.get("priority")
    return settle.Retry(
        delay_seconds=delay,
        due_at=due_at,
        retries=int(options["retries"]),
        arguments=encoded if is_changed else None,
        shown=arguments.show(shown) if is_changed else None,
        queue=None if queue is None else str(getattr(queue, "name", queue)),
        rank=None if priority is None else priorities.rank(task.app, priority),
        options=_options(run, options),
    )


def _options(run: Run, options: Mapping[str, Any]) -> str | None:
    changed = {name: options[name] for name in CHANGEABLE if options.get(name) is not None}
    if not changed:
        return None
    return str(dumps(read_options(run.claim.options) | changed))
