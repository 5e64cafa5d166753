"""What a caller asks for in Celery's words, as a row; what cannot be kept is refused here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from numbers import Real
from typing import Any
from uuid import UUID

from celery import Celery, current_task
from celery.utils.time import make_aware, maybe_iso8601
from kombu.utils.json import dumps

from . import arguments, configuration
from .enqueue import NewRow, new_id
from .errors import ArgumentsRefused, NotKept

# Option -> what to use instead. Celery would take each and, with a row in between, not do it.
REFUSED = {
    "link_error": "a failed task is a row that is kept; look there, or catch the error in the body",
    "chord": "enqueue the last step from the step that finds, in its own transaction, all done",
    "compression": "store large data and pass an id",
    "exchange": "name a queue",
    "routing_key": "name a queue",
    "expiration": "use expires",
    "reply_to": "record the result in the database",
}
# What has no meaning for an INSERT: how Celery would have published, and what a group hands over.
PUBLISHING = frozenset(
    (
        *("producer", "publisher", "connection", "retry", "retry_policy", "add_to_parent"),
        *("router", "result_cls", "task_type", "route_name", "delivery_mode", "mandatory"),
        *("immediate", "origin", "replaced_task_nesting"),
    )
)
# What the message or the next step needs; kept in the row's options where it is set.
KEPT = frozenset(
    (
        *("headers", "shadow", "ignore_result", "group_id", "group_index", "root_id"),
        *("parent_id", "time_limit", "soft_time_limit", "stamped_headers", "chain", "link"),
        "priority",
    )
)
READ_HERE = frozenset(
    ("task_id", "queue", "countdown", "eta", "expires", "retries", "unique_key", "serializer")
)
# On these a larger number goes first, and in Redis the smaller one: a caller's 9 keeps its meaning.
LARGEST_FIRST = ("amqp", "pyamqp", "amqps")


def new_row(
    app: Celery,
    name: str,
    task: Any,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> NewRow:
    """Return the row of a call; `task` is None where this process does not know the name.

    Raises `NotKept`, `ArgumentsRefused`, and TypeError for arguments that the body does not take.
    """
    args, kwargs = args or (), kwargs or {}
    if task is not None and task.typing:
        task.__header__(*args, **kwargs)
    options = {**(task._get_exec_options() if task is not None else {}), **options}
    options = {key: value for key, value in options.items() if value is not None}
    _refuse(name, options)
    limit = getattr(task, "max_argument_bytes", None) or configuration.max_argument_bytes()
    countdown, due_at = when(options.get("countdown"), options.get("eta"), "countdown", name)
    expires, expires_at = when(*_split(options.get("expires")), "expires", name)
    run, words = (task.run, task.redact) if task is not None else (None, ())
    return NewRow(
        id=_id(options.get("task_id"), name),
        name=name,
        queue=_queue(app, name, task, options),
        rank=rank(app, options.get("priority")),
        delay_seconds=countdown,
        due_at=due_at,
        expires_seconds=expires,
        expires_at=expires_at,
        max_crashes=getattr(task, "max_crashes", 3),
        retries=options.get("retries", 0),
        arguments=arguments.encode(name, args, kwargs, limit),
        shown=arguments.show(arguments.redacted(run, args, kwargs, words)),
        options=_options(name, options, limit),
        unique_key=options.get("unique_key"),
    )


def rank(app: Celery, priority: int | None) -> int:
    """Return a Celery priority so that the lowest goes first, as the broker's transport has it."""
    scheme = str(app.conf.broker_write_url or "").partition(":")[0].partition("+")[0]
    return -(priority or 0) if scheme in LARGEST_FIRST else priority or 0


def _refuse(name: str, options: Mapping[str, Any]) -> None:
    for option, instead in REFUSED.items():
        if options.get(option):
            raise NotKept(f"{name}: a durable task does not keep {option}; {instead}.")
    if options.get("serializer", "json") != "json":
        raise NotKept(f"{name}: arguments are kept as JSON; pass an id instead of an object.")
    unknown = options.keys() - REFUSED.keys() - PUBLISHING - KEPT - READ_HERE
    if unknown:
        raise NotKept(
            f"{name}: a durable task knows no option {', '.join(sorted(unknown))}."
            " Message properties go into headers={...}."
        )


def when(seconds: Any, at: Any, option: str, name: str) -> tuple[float | None, datetime | None]:
    """Return a delay in seconds (the database adds it to its own clock) or a point in time."""
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real)):
        raise TypeError(f"{name}: {option} is {seconds!r}, which is no number of seconds.")
    if at is None:
        return (None if seconds is None else float(seconds)), None
    if isinstance(at, str):
        at = maybe_iso8601(at)
    if not isinstance(at, datetime):
        raise TypeError(f"{name}: {at!r} is no datetime.")
    return None, make_aware(at, UTC) if at.tzinfo is None else at


def _split(expires: Any) -> tuple[Any, Any]:
    return (expires, None) if isinstance(expires, Real) else (None, expires)


def _id(task_id: Any, name: str) -> UUID:
    if task_id is None:
        return new_id()
    try:
        return UUID(str(task_id))
    except ValueError:
        raise NotKept(
            f"{name}: task_id {task_id!r} is no UUID. To enqueue something once, use unique_key."
        ) from None


def _queue(app: Celery, name: str, task: Any, options: Mapping[str, Any]) -> str:
    queue = options.get("queue")
    if queue is None:
        route = app.amqp.router.route({}, name, (), {}, task)
        queue = route.get("queue") or route.get("routing_key")
    return str(getattr(queue, "name", queue))


def _options(name: str, options: Mapping[str, Any], limit: int) -> str:
    kept = {key: value for key, value in options.items() if key in KEPT and value != []}
    _inherit(kept)
    if "link" in kept:
        kept["link"] = _as_list(kept["link"])
    if not kept:
        return ""
    try:
        text = str(dumps(kept))
    except (TypeError, ValueError) as error:
        raise ArgumentsRefused(f"The options of {name} are not JSON: {error}.") from error
    if len(text) > 4 * limit:  # a chain carries the arguments of its steps
        raise ArgumentsRefused(
            f"The options of {name} are {len(text):,} bytes, more than {4 * limit:,}."
            " Let each step enqueue the next one instead of a long chain."
        )
    return text


def _inherit(kept: dict[str, Any]) -> None:
    """Name the task that enqueues this one, as Celery does."""
    parent = current_task.request if current_task else None
    if parent is not None and parent.id:
        kept.setdefault("root_id", parent.root_id or parent.id)
        kept.setdefault("parent_id", parent.id)


def _as_list(link: Any) -> list[Any]:
    return list(link) if isinstance(link, list | tuple) else [link]


def read_options(text: str) -> dict[str, Any]:
    """Return a row's options."""
    return dict(json.loads(text)) if text else {}


def many(
    app: Celery,
    task: Any,
    calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]],
    options: Mapping[str, Any],
) -> list[NewRow]:
    """Return the rows of many calls of one task."""
    return [new_row(app, task.name, task, args, kwargs, options) for args, kwargs in calls]
