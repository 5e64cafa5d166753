"""What a caller asks for in Celery's words, as a row."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from socket import gethostname
from typing import Any
from uuid import UUID

from celery import Celery

from . import arguments, call_options, configuration, moments, priorities, row_options
from .error_text import NAME_CHARACTERS, clean
from .errors import NotKept
from .new_row import NewRow, new_id

# PostgreSQL indexes these, and its index takes no text of some kilobytes.


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
    options = call_options.of_call(app, name, task, values, named, options)
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
        options=row_options.text_of(app, name, task, options, limit),
        unique_key=_text(name, "unique_key", options.get("unique_key")),
        rank=priorities.rank(app, options.get("priority")),
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


@cache
def origin(pid: int) -> str:
    """Return where tasks are enqueued from: this machine and process."""
    return f"{clean(gethostname(), NAME_CHARACTERS)}:{pid}"


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
