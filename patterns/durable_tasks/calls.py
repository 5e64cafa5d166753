"""What a caller asks for in Celery's words, as a row."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from socket import gethostname
from typing import Any
from uuid import UUID

from celery import Celery, Task
from celery._state import get_current_task

from . import arguments, configuration, moments, refusals
from .enqueue import NewRow, new_id
from .error_text import clean
from .errors import ArgumentsRefused, NotKept

# On these a larger number goes first, and in Redis the smaller one: a caller's 9 keeps its meaning.
LARGEST_FIRST = ("amqp", "pyamqp", "amqps")
HIGHEST_PRIORITY = 255  # of a broker that has most of them
# The option of a row whose name is no Celery task's: which one runs it.
CARRIER = "carrier"
# PostgreSQL indexes these, and its index takes no text of some kilobytes.
NAME_CHARACTERS = 500
# What Celery's own message says about a task, besides what the claim reads from the row.
IN_MESSAGE = (
    *("shadow", "ignore_result", "group_id", "group_index", "root_id", "parent_id"),
    *("time_limit", "soft_time_limit"),
)
# Of these and the caller's headers, as JSON. AMQP has one frame for all headers of a message, of
# 128 kB in most brokers: a quarter of it leaves room for the rest (see publication.py).
HEADER_BYTES = 32_768
# A chain carries the arguments of its steps.
OPTIONS_FACTOR = 4


def new_row(
    app: Celery,
    name: str,
    task: Any,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> NewRow:
    """Return the row of a call; `task` is None where this process does not know the name.

    Raises `NotKept`, `ArgumentsRefused`, TypeError for arguments that the body does not take, and
    TypeError or ValueError for options that no database or worker could read.
    """
    values, named = _checked(name, task, args, kwargs)
    options = _all_options(app, name, task, values, named, options)
    limit = getattr(task, "max_argument_bytes", None) or configuration.max_argument_bytes()
    delay_seconds, due_at = moments.due(app, name, options.get("countdown"), options.get("eta"))
    expires_seconds, expires_at = moments.expiry(app, name, options.get("expires"))
    return NewRow(
        id=_id(options.get("task_id"), name),
        name=_text(name, "name", name),
        queue=_text(name, "queue", options["queue"]),
        max_crashes=getattr(task, "max_crashes", 3),
        arguments=arguments.encode(name, values, named, limit),
        shown=arguments.show(arguments.redacted(task, values, named)),
        options=_kept(app, name, task, options, limit),
        unique_key=_text(name, "unique_key", options.get("unique_key")),
        rank=rank(app, options.get("priority")),
        retries=int(options.get("retries", 0)),
        delay_seconds=delay_seconds,
        due_at=due_at,
        expires_seconds=expires_seconds,
        expires_at=expires_at,
        origin=origin(os.getpid()),
    )


def many(
    app: Celery,
    task: Any,
    calls: Iterable[tuple[Sequence[Any], Mapping[str, Any]]],
    options: Mapping[str, Any],
) -> list[NewRow]:
    """Return the rows of many calls of one task."""
    if "task_id" in options:
        raise NotKept(f"{task.name}: enqueue_many() gives each task an id of its own.")
    return [new_row(app, task.name, task, args, kwargs, options) for args, kwargs in calls]


def rank(app: Celery, priority: Any) -> int:
    """Return a Celery priority so that the lowest goes first, as the broker's transport has it."""
    if priority is None:
        return 0
    is_number = isinstance(priority, int) and not isinstance(priority, bool)
    if not (is_number and 0 <= priority <= HIGHEST_PRIORITY):
        raise ValueError(f"priority={priority!r} is no number from 0 to {HIGHEST_PRIORITY}.")
    return -int(priority) if _is_largest_first(app) else int(priority)


def priority(app: Celery, rank: int) -> int:
    """Return a rank as the broker's transport has it; what it cannot tell apart, rows can."""
    return max(0, -rank if _is_largest_first(app) else rank)


def read_options(text: str) -> dict[str, Any]:
    """Return a row's options."""
    return dict(json.loads(text)) if text else {}


@cache
def origin(pid: int) -> str:
    """Return where tasks are enqueued from: this machine and process."""
    return f"{clean(gethostname(), NAME_CHARACTERS)}:{pid}"


def _is_largest_first(app: Celery) -> bool:
    scheme = str(app.conf.broker_write_url or "").partition(":")[0].partition("+")[0]
    return scheme in LARGEST_FIRST


def _checked(name: str, task: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments; raise TypeError where the body would."""
    args, kwargs = args or (), kwargs or {}
    if not isinstance(args, list | tuple):
        raise TypeError(f"{name}: args is a {type(args).__name__}, no list or tuple.")
    if not isinstance(kwargs, Mapping):
        raise TypeError(f"{name}: kwargs is a {type(kwargs).__name__}, no mapping.")
    if task is not None and task.typing:
        task.__header__(*args, **kwargs)
    if (dump := getattr(task, "_dump_pydantic_arguments", None)) is not None:
        args, kwargs = dump(args, kwargs)
    return args, kwargs


def _all_options(
    app: Celery, name: str, task: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the caller's options, the task's, and what the route says; the first one wins."""
    if options or (given := _of_definition(app, task)) is None:
        given = _asked(app, name, task, args, kwargs, options)
    # Looking up a setting of Celery's takes a while: last.
    parent = get_current_task()
    if "priority" not in given and parent is not None and app.conf.task_inherit_parent_priority:
        given["priority"] = (parent.request.delivery_info or {}).get("priority")
    return given


def _of_definition(app: Celery, task: Any) -> dict[str, Any] | None:
    """Return what holds for every call without options; None where a call may change it.

    Kept on the task with the router that it was made for, as Celery keeps both.
    """
    router: Any = app.amqp.router
    if task is None or router.routes or type(task).shadow_name is not Task.shadow_name:
        return None
    made_for, known = getattr(task, "_of_definition", (None, {}))
    if made_for is not router:
        known = _asked(app, task.name, task, (), {}, {})
        task._of_definition = (router, known)
    return dict(known)


def _asked(
    app: Celery, name: str, task: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    given = dict(options)
    if task is not None:
        if type(task).shadow_name is not Task.shadow_name and not given.get("shadow"):
            given["shadow"] = task.shadow_name(args, kwargs, given)
        given = {**task._get_exec_options(), **given}
    given = {key: value for key, value in given.items() if value is not None}
    refusals.at_call(name, given)
    refusals.time_limits(name, given.get("time_limit"), given.get("soft_time_limit"))
    given["queue"] = _queue(app, name, task, args, kwargs, given)
    return given


def _queue(app: Celery, name: str, task: Any, args: Any, kwargs: Any, given: dict[str, Any]) -> str:
    """Return the queue's name; take over what else the project's routes say about the task.

    Raises Celery's QueueNotFound for one that may not be made up.
    """
    router: Any = app.amqp.router
    if not router.routes:
        queue = given.get("queue") or app.conf.task_default_queue
        if isinstance(queue, str) and (router.create_missing or queue in router.queues):
            return queue
    routed = router.route(dict(given), name, args, kwargs, task)
    queue = routed.pop("queue", None)
    if queue is None:  # a route to an exchange alone
        raise NotKept(f"{name}: a durable task goes to a queue by name; name one in task_routes.")
    _refuse_other_address(name, router, queue, routed)
    refused = refusals.REFUSED.keys()
    given.update((key, routed[key]) for key in routed.keys() - given.keys() - refused)
    return str(getattr(queue, "name", queue))


def _refuse_other_address(name: str, router: Any, queue: Any, routed: Mapping[str, Any]) -> None:
    """Refuse what would reach another queue than the one that its name means to the relay."""
    known = router.queues[queue.name]
    is_other = known.exchange != queue.exchange or known.routing_key != queue.routing_key
    address = routed.get("routing_key", known.routing_key), routed.get("exchange", known.exchange)
    names = address[0], str(getattr(address[1], "name", address[1]))
    if is_other or names != (known.routing_key, str(known.exchange.name)):
        raise NotKept(
            f"{name}: a durable task goes to a queue by name, and {queue.name!r} would be reached"
            " by another exchange or routing key. Declare the queue in task_queues and name it."
        )


def _id(task_id: Any, name: str) -> UUID:
    if task_id is None:
        return new_id()
    try:
        return UUID(str(task_id))
    except ValueError:
        raise NotKept(
            f"{name}: task_id {task_id!r} is no UUID. To enqueue something once, use unique_key."
        ) from None


def _text(name: str, what: str, value: Any) -> Any:
    """Return text that PostgreSQL can store and index; refuse what would abort the transaction."""
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS:
        raise ValueError(f"{name}: {what} is no text of 1 to {NAME_CHARACTERS} characters.")
    if clean(value, NAME_CHARACTERS) != value:
        raise ValueError(f"{name!r}: {what} {value!r} has characters that PostgreSQL cannot store.")
    return value


def _kept(app: Celery, name: str, task: Any, options: Mapping[str, Any], limit: int) -> str:
    kept = {key: each for key, each in options.items() if key in refusals.KEPT and each != []}
    _inherit(kept)
    if task is not None and (carried := task.message_headers()):
        kept["headers"] = {**carried, **kept.get("headers", {})}
    if not kept:
        return ""
    if "link" in kept:
        kept["link"] = refusals.listed(kept["link"])
    if "chain" in kept or "link" in kept:
        refusals.next_steps(app, [*kept.get("chain", ()), *kept.get("link", ())])
    try:
        text = str(arguments.KOMBUS.encode(kept))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentsRefused(f"The options of {name} are not JSON: {error}.") from error
    if len(text) > HEADER_BYTES:  # else what travels is no larger either
        _refuse_large_headers(name, kept)
    if len(text) > OPTIONS_FACTOR * limit:
        raise ArgumentsRefused(
            f"The options of {name} are {len(text):,} bytes, more than {OPTIONS_FACTOR * limit:,}."
            " Let each step enqueue the next one instead of a long chain."
        )
    return text


def _refuse_large_headers(name: str, kept: Mapping[str, Any]) -> None:
    travelling = [key for key in ("headers", *IN_MESSAGE) if key in kept]
    sizes = {key: len(arguments.KOMBUS.encode(kept[key])) for key in travelling}
    if (total := sum(sizes.values())) > HEADER_BYTES:
        largest = ", ".join(f"{key} {size:,}" for key, size in sizes.items() if size > 1000)
        raise ArgumentsRefused(
            f"The message headers of {name} are {total:,} bytes ({largest}), more than"
            f" {HEADER_BYTES:,}. Pass data as arguments, which stay in the database."
        )


def _inherit(kept: dict[str, Any]) -> None:
    """Name the task that enqueues this one, as Celery does."""
    parent = get_current_task()
    if parent is not None and parent.request.id:
        kept.setdefault("root_id", parent.request.root_id or parent.request.id)
        kept.setdefault("parent_id", parent.request.id)
