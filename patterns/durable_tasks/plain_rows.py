"""The failed row of a plain Celery task: what its signal, its request and its call tell."""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from kombu.utils.json import dumps

from . import arguments, configuration, fresh
from .error_text import ERROR_CHARACTERS, NAME_CHARACTERS, clean, cut
from .errors import ArgumentsRefused
from .patience import in_time

logger = logging.getLogger(__name__)

ORIGIN = re.compile(r"gen(\d+)@(.+)")  # Celery's name of who sent it
NOT_TOLD = "Its arguments were not kept: Celery does not tell them here."

# A message that is delivered again, and fails again, is the same row with one failure more; one
# that is waiting or running meanwhile, since somebody replayed it, will say itself how it ends.
_KEEP = """
INSERT INTO durable_tasks_task AS t (id, name, queue, state, plain, reason, error, traceback,
    arguments, shown, options, worker, retries, origin, failed_at, first_failed_at)
VALUES (%s, %s, %s, 4, true, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(),
    clock_timestamp())
ON CONFLICT (id) DO UPDATE SET state = 4, discarded_at = NULL, reason = excluded.reason,
    error = excluded.error, traceback = excluded.traceback, worker = excluded.worker,
    failed_at = excluded.failed_at, message = NULL
WHERE t.plain AND t.state >= 4
RETURNING id
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A plain task that ended badly."""

    task: Any
    task_id: str
    request: Any
    args: Sequence[Any] | None
    kwargs: Mapping[str, Any] | None
    reason: str
    error: str
    trace: str = ""


def keep(ended: Ended) -> bool:
    """Write the row of a plain task that ended badly; tell whether it was written. Raises nothing.

    Crash before it is written: the log of the worker may have it. Duplicate: the same row; False
    while that one waits or runs, or where it is a durable task's.
    """
    try:
        values = _values(ended)
    except Exception:
        logger.exception("%s[%s] is not in the failed set.", ended.task.name, ended.task_id)
        return False
    label = f"{ended.task.name}[{ended.task_id}] {values[7]} ({ended.error[:200]})"
    written: list[Any] = []

    def write() -> None:
        written.extend(fresh.execute(_KEEP, values))

    return in_time(write, label, "is not in the failed set") and bool(written)


def uuid_of(task_id: str) -> UUID:
    """Return a plain task's id as its row has it."""
    try:
        return UUID(str(task_id))
    except ValueError:  # a caller's own: the same row each time
        return uuid5(NAMESPACE_OID, str(task_id))


def own_id(task_id: str) -> str:
    """Return what a row's error says of an id that no row can have; "" of one that is a UUID."""
    with suppress(ValueError):
        UUID(str(task_id))
        return ""
    shown = clean(repr(str(task_id)), NAME_CHARACTERS)
    return f"Its id was {shown}; a replay runs it under the id of this row."


def options_of(request: Any) -> dict[str, Any]:
    """Return what a replay needs besides the arguments: what follows, and its own limits."""
    hard, soft = getattr(request, "timelimit", None) or (None, None)
    options = {
        **{"time_limit": hard, "soft_time_limit": soft},
        **{"chain": getattr(request, "chain", None), "link": getattr(request, "callbacks", None)},
        **{name: getattr(request, name, None) for name in ("shadow", "root_id", "parent_id")},
    }
    return {name: each for name, each in options.items() if each}


def origin_of(header: Any) -> str:
    """Return who sent a message, as rows have it: host:process."""
    origin = str(header or "")
    match = ORIGIN.fullmatch(origin)
    return f"{match[2]}:{match[1]}" if match else origin


def _values(ended: Ended) -> list[Any]:
    request, name = ended.request, str(ended.task.name)
    told = ended.args is not None or ended.kwargs is not None
    args, kwargs = ended.args or (), ended.kwargs or {}
    kept, why = _arguments(ended.task, args, kwargs) if told else ("", NOT_TOLD)
    error = clean(ended.error, ERROR_CHARACTERS)
    return [
        uuid_of(ended.task_id),
        clean(name, NAME_CHARACTERS),
        clean(_queue(ended.task, request), NAME_CHARACTERS),
        ended.reason,
        "\n".join(filter(None, (error, clean(why, ERROR_CHARACTERS), own_id(ended.task_id)))),
        cut(ended.trace),
        kept,
        arguments.show(arguments.redacted(ended.task, args, kwargs)),
        _text(options_of(request)),
        clean(str(getattr(request, "hostname", None) or ""), NAME_CHARACTERS),
        int(getattr(request, "retries", None) or 0),
        clean(origin_of(getattr(request, "origin", None)), NAME_CHARACTERS),
    ]


def _arguments(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
    """Return the arguments as a row keeps them, and why not."""
    limit = getattr(task, "max_argument_bytes", None) or configuration.max_argument_bytes()
    try:
        return arguments.encode(str(task.name), args, kwargs, limit), ""
    except ArgumentsRefused as refused:
        return "", f"They were not kept: {refused}"


def _queue(task: Any, request: Any) -> str:
    address = getattr(request, "delivery_info", None) or {}
    known = address.get("routing_key") or getattr(task, "queue", None)
    return str(known or task.app.conf.task_default_queue)


def _text(options: Mapping[str, Any]) -> str:
    try:
        return str(dumps(options))
    except (TypeError, ValueError, RecursionError):
        return ""
