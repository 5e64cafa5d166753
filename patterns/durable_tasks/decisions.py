"""What `retry()` asks for: Celery would publish; here it is noted, and written at the end."""

from collections.abc import Mapping
from typing import Any

from kombu.utils.json import dumps

from . import arguments, call_options, configuration, moments, priorities, refusals, settle
from .errors import NotKept
from .row_options import read_options
from .run import Run

# What retry() may change for the next attempt; the rest of the options stays as it was.
CHANGEABLE = ("time_limit", "soft_time_limit")
COLUMNS = ("queue", "priority")


def refuse(task: Any, run: Run, options: Mapping[str, Any]) -> None:
    """Raise `NotKept` for a `retry()`, or an option of it, that would not be kept."""
    if run.is_over:
        raise NotKept(
            f"{task.name}: retry() after the task's end, in on_success(), on_failure() or"
            " after_return(): its row has ended. Retry in the body, or enqueue another task."
        )
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
    """Return the decision in the row's terms: of what it does not name, the row's stays.

    Or an earlier decision's of this run, where the body went on after it.
    """
    countdown, eta = options.get("countdown"), options.get("eta")
    delay, due_at = moments.due(task.app, task.name, countdown, eta)
    encoded, shown = _arguments(task, run, args or (), kwargs or {})
    return settle.Retry(
        delay_seconds=delay,
        due_at=due_at,
        retries=int(options["retries"]),
        arguments=encoded,
        shown=shown,
        queue=_queue(task, run, args, kwargs, options.get("queue")),
        rank=_rank(task, run, options.get("priority")),
        options=_options(run, options),
    )


def _arguments(task: Any, run: Run, args: Any, kwargs: Any) -> tuple[str | None, str | None]:
    # A body may have made something of its arguments that is too large, or no JSON.
    if not _is_named(run, "args", "kwargs"):
        return (run.decision.arguments, run.decision.shown) if run.decision else (None, None)
    limit = task.max_argument_bytes or configuration.max_argument_bytes()
    encoded = arguments.encode(task.name, args, kwargs, limit)
    if encoded == run.claim.arguments:
        return None, None
    return encoded, arguments.show(arguments.redacted(task, args, kwargs))


def _queue(task: Any, run: Run, args: Any, kwargs: Any, queue: Any) -> str | None:
    if not _is_named(run, "queue"):
        return run.decision.queue if run.decision else None
    given = {} if queue is None else {"queue": queue}
    return call_options.queue(task.app, task.name, task, args, kwargs, given)


def _rank(task: Any, run: Run, priority: Any) -> int | None:
    # A message says less than the row: of a Django task's priorities brokers have half.
    if not _is_named(run, "priority"):
        return run.decision.rank if run.decision else None
    return None if priority is None else priorities.rank(task.app, priority)


def _is_named(run: Run, *names: str) -> bool:
    return run.named is None or bool(run.named.intersection(names))


def _options(run: Run, options: Mapping[str, Any]) -> str | None:
    changed = {name: options[name] for name in CHANGEABLE if options.get(name) is not None}
    if not changed:
        return None
    return str(dumps(read_options(run.claim.options) | changed))
