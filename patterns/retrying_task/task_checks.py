"""What one task may have wrong: its retries, its time limits, how long its message is away."""

import math
from collections.abc import Iterator
from typing import Any

from celery import Celery
from django.core.checks import CheckMessage, Error, Warning

from . import RetryingTask, backoff

# A day is enough for an outage, three weeks are the longest that a well-known queue retries. After
# a month nobody knows what the task was for, and whoever waits for it has been told nothing.
LONGEST_SECONDS = 31 * 86_400
# A provider, or our own database, takes so long to be started again.
SHORTEST_SECONDS = 60
# What hands a message out again that nobody acknowledged, and after how long by itself, in seconds.
REDELIVERING = {
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys", "sentinel"), 3600),
    "sqs": 1800,
}
# The only pool that ends a task at its hard limit: it has a process to kill.
ENFORCING = ("prefork", "processes")


def wrong_retries(task: Any) -> Iterator[CheckMessage]:
    """A task that is not retried, not long enough, or without an end."""
    if not isinstance(task, RetryingTask):
        yield Error(
            f"Task {task.name} has a base of its own, {type(task).__mro__[1].__name__}, which is"
            " no RetryingTask: what fails once is given up.",
            hint="Remove base=... from its decorator, or derive that class from RetryingTask; if it"
            " may be lost, say why in RETRYING_TASK_EXEMPT.",
            id="retrying_task.E003",
        )
        return
    retries = task.max_retries
    if retries is not None and not (_is_number(retries) and retries > 0):
        yield Error(
            f"Task {task.name} is never retried: max_retries is {retries!r}.",
            hint="Remove it, for about a day of retries; an error that must not be retried is a"
            " PermanentError. If it may be lost, say why in RETRYING_TASK_EXEMPT.",
            id="retrying_task.E004",
        )
        return
    yield from _wrong_backoff(task)
    if {Exception, BaseException} & set(getattr(task, "autoretry_for", ())):
        yield Warning(
            f"Task {task.name} has autoretry_for=(Exception,): Celery retries bugs as well, for as"
            " long as an outage.",
            hint="Remove it: what may pass is retried anyway. Add a library's errors to"
            " transient_errors.",
            id="retrying_task.W002",
        )


def wrong_limits(app: Celery, task: Any) -> Iterator[CheckMessage]:
    """A task that nothing ends, or that the broker hands out again while it still waits or runs."""
    soft, hard = task.soft_time_limit, task.time_limit
    if app.conf.worker_pool in ENFORCING and not (soft and hard and soft < hard):
        yield Error(
            f"Task {task.name} has soft_time_limit={soft} and time_limit={hard} (seconds): one that"
            " hangs keeps its worker for ever.",
            hint="Set both, the soft one below the hard one, at the task, its base, or as"
            " task_soft_time_limit and task_time_limit.",
            id="retrying_task.E007",
        )
    timeout = _redelivered_after_seconds(app)
    if not isinstance(task, RetryingTask) or getattr(task, "durable", False) or not timeout:
        return
    if task.longest_absence_seconds() >= timeout:
        yield Error(
            f"Task {task.name} may be away for {task.longest_absence_seconds():.0f} s, and the"
            f" broker hands it out again after {timeout:.0f} s: it would run twice at once.",
            hint='Raise "visibility_timeout" in broker_transport_options, or lower the task\'s'
            " backoff_cap_seconds or time_limit.",
            id="retrying_task.E008",
        )


def _wrong_backoff(task: RetryingTask) -> Iterator[CheckMessage]:
    base, cap = task.backoff_base_seconds, task.backoff_cap_seconds
    if not (_is_number(base) and _is_number(cap) and base > 0 and cap > 0):
        yield Error(
            f"Task {task.name} does not back off: backoff_base_seconds is {base!r},"
            f" backoff_cap_seconds {cap!r}.",
            hint="Set both to numbers greater than 0, or leave them out.",
            id="retrying_task.E006",
        )
    elif _has_no_end(task):
        yield Error(
            f"Task {task.name} is retried without an end (max_retries={task.max_retries},"
            f" backoff_cap_seconds={cap}): it never fails, and nobody is told.",
            hint="Remove max_retries=None and the like, for about a day of retries; a task that"
            " is worth nothing later has `expires`. If something else ends it, say what in"
            " RETRYING_TASK_EXEMPT.",
            id="retrying_task.E005",
        )
    elif task.max_retries is not None and _lasting_seconds(task) < SHORTEST_SECONDS:
        yield Warning(
            f"Task {task.name} gives up after {_lasting_seconds(task):.0f} s of retries: before"
            " whatever it waits for can have been started again.",
            hint="Remove max_retries, backoff_base_seconds and backoff_cap_seconds, for about a"
            " day; if it may be lost, say why in RETRYING_TASK_EXEMPT.",
            id="retrying_task.W001",
        )


def _has_no_end(task: RetryingTask) -> bool:
    """Tell whether retries go on for ever, or for longer than anybody remembers."""
    named = getattr(task, "retry_kwargs", {}).get("max_retries", task.max_retries)
    if task.max_retries is None or named is None:
        return not task.expires
    return _lasting_seconds(task) > LONGEST_SECONDS


def _lasting_seconds(task: RetryingTask) -> float:
    """Return how long a task is retried on average, where it names no countdown of its own."""
    base, cap = task.backoff_base_seconds, task.backoff_cap_seconds
    return backoff.lasting_seconds(task.max_retries or 0, base_seconds=base, cap_seconds=cap)


def _redelivered_after_seconds(app: Celery) -> float:
    """Return after how long the broker hands out again; 0 for one that waits for the connection."""
    options = app.conf.broker_transport_options or {}
    scheme = str(app.conf.broker_url or "").partition(":")[0].partition("+")[0]
    if scheme not in REDELIVERING:
        return 0
    return float(options.get("visibility_timeout", REDELIVERING[scheme]))


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and not math.isnan(value)
