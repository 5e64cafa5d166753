"""What Celery offers and a durable task cannot keep: refused, with what to use instead.

Celery would take each of these and, with a row in between, silently not do it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from celery import Celery

from .errors import NotKept

# Option -> what to use instead.
REFUSED = {
    "link_error": "a failed task is a row that is kept; look there, or catch the error in the body",
    "chord": "enqueue the last step from the step that finds, in its own transaction, all done",
    "compression": "store large data and pass an id",
    "exchange": "name a queue",
    "routing_key": "name a queue",
    "expiration": "use expires",
    "stamped_headers": "pass headers={...}, which the worker's request has",
}
# What has no meaning for an INSERT: how Celery would have published, and what a group hands over.
PUBLISHING = frozenset(
    (
        *("producer", "publisher", "connection", "retry", "retry_policy", "add_to_parent"),
        *("router", "result_cls", "task_type", "route_name", "delivery_mode", "mandatory"),
        # A signature that is frozen names the thread that made it; an rpc:// backend would use it.
        *("immediate", "origin", "replaced_task_nesting", "reply_to"),
    )
)
# What the message or the next step needs; kept in the row's options where it is set.
KEPT = frozenset(
    (
        *("headers", "shadow", "ignore_result", "group_id", "group_index", "root_id"),
        *("parent_id", "time_limit", "soft_time_limit", "chain", "link", "priority"),
    )
)
# What becomes a column.
READ = frozenset(
    ("task_id", "queue", "countdown", "eta", "expires", "retries", "unique_key", "serializer")
)
KNOWN = PUBLISHING | KEPT | READ
# Celery's own tasks that call another one in a loop, in one plain message.
LOOPS = ("celery.map", "celery.starmap", "celery.chunks")
RATE_LIMIT = (
    "a durable task does not keep rate_limit; give it a queue with one worker of concurrency 1, or"
    " enqueue with countdown."
)


def at_definition(task: Any) -> None:
    """Raise `NotKept` for a durable task whose class asks for what is not kept; ValueError."""
    if task.rate_limit:
        raise NotKept(f"Task {task.name}: {RATE_LIMIT}")
    names = ("compression", "exchange", "routing_key", "serializer")
    at_call(f"Task {task.name}", {name: getattr(task, name, None) for name in names})
    time_limits(task.name, task.time_limit, task.soft_time_limit)
    if not isinstance(task.max_crashes, int) or not 1 <= task.max_crashes < 1 << 15:
        raise ValueError(f"Task {task.name}: max_crashes={task.max_crashes!r} is not 1 or more.")


def overridden_call(task: Any, ours: Any) -> None:
    """Raise `NotKept` for a task, durable or not, that is entered past the claim of its row."""
    if task.__call__ is not ours:
        culprit = next(each.__name__ for each in task.__mro__ if "__call__" in vars(each))
        raise NotKept(
            f"{task.name or task.__name__}: {culprit}.__call__ would run before the task's row is"
            " claimed, where nothing counts how it ends. Let its class come after DurableTask, as"
            f" in class Base(DurableTask, {culprit}), and call self.run(...) there."
        )


def at_call(name: str, options: Mapping[str, Any]) -> None:
    """Raise `NotKept` for an option of a durable call."""
    for option, instead in REFUSED.items():
        if options.get(option):
            raise NotKept(f"{name}: a durable task does not keep {option}; {instead}.")
    if (options.get("serializer") or "json") != "json":
        raise NotKept(
            f"{name}: arguments are kept as JSON, not as {options['serializer']}; pass an id"
            ' instead of an object, and set serializer="json".'
        )
    if unknown := options.keys() - REFUSED.keys() - KNOWN:
        raise NotKept(
            f"{name}: a durable task knows no option {', '.join(sorted(unknown))}."
            " Message properties go into headers={...}."
        )


def time_limits(name: str, hard: Any, soft: Any) -> None:
    """Raise ValueError for limits that a worker would choke on."""
    for limit in (hard, soft):
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if limit is not None and not (is_number and 0 <= limit < float("inf")):
            raise ValueError(f"{name}: a time limit of {limit!r} is no number of seconds.")
    if hard and soft and soft > hard:
        raise ValueError(f"{name}: soft_time_limit={soft} is above time_limit={hard}.")


def next_steps(app: Celery, steps: Iterable[Any]) -> None:
    """Raise `NotKept` for what a chain or a link holds: now, not when its turn comes."""
    for step in steps:
        name, options = str(step["task"]), step.get("options") or {}
        if step.get("subtask_type") in ("group", "chain"):
            next_steps(app, step["kwargs"]["tasks"])
        elif name == "celery.chord":
            raise NotKept(f"A chain with a chord in it is not kept; {REFUSED['chord']}.")
        elif is_durable(app, name):
            at_call(name, {key: each for key, each in options.items() if each is not None})
        loops(app, name, step.get("kwargs") or {})
        next_steps(app, listed(options.get("link")))


def loops(app: Celery, name: str, kwargs: Mapping[str, Any]) -> None:
    """Raise `NotKept` where `map()`, `starmap()` or `chunks()` would run a durable task."""
    inner = kwargs.get("task")
    if name in LOOPS and isinstance(inner, Mapping) and is_durable(app, inner.get("task")):
        raise NotKept(
            f"{inner['task']}: {name.removeprefix('celery.')}() would run it from one plain message"
            " that may be lost; use enqueue_many([(args, kwargs), ...])."
        )


def is_durable(app: Celery, name: Any) -> bool:
    """Tell whether a task is durable; one that this process does not know is.

    One of another base class is not: its worker takes no notice of rows.
    """
    task = app.tasks.get(name)
    return task is None or bool(getattr(task, "durable", False))


def listed(link: Any) -> list[Any]:
    """Return one signature, or several, as a list."""
    if link is None:
        return []
    return list(link) if isinstance(link, list | tuple) else [link]
