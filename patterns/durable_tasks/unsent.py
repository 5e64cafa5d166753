"""A firing of a beat entry that could not be sent is a failed row: one an entry, not one a tick."""

import os
from typing import Any

from celery import Celery

from . import arguments, calls, configuration, fresh, refusals
from .error_text import ERROR_CHARACTERS, NAME_CHARACTERS, clean, stack, words
from .errors import ArgumentsRefused
from .new_row import new_id
from .patience import in_time

# While nobody has replayed or discarded it, the next failure of the entry is the same row: with all
# of what the entry says, for it may name another task by now.
_KEEP = """
INSERT INTO durable_tasks_task AS t (id, name, queue, state, plain, reason, error, traceback,
    arguments, shown, unique_key, origin, failed_at, first_failed_at)
VALUES (%s, %s, %s, 4, %s, 'unsent', %s, %s, %s, %s, %s, %s, clock_timestamp(), clock_timestamp())
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO UPDATE SET name = excluded.name,
    queue = excluded.queue, plain = excluded.plain, error = excluded.error,
    traceback = excluded.traceback, arguments = excluded.arguments, shown = excluded.shown,
    origin = excluded.origin, failed_at = excluded.failed_at
WHERE t.state = 4
"""


def keep(app: Celery, entry: Any, error: BaseException) -> bool:
    """Record that beat could not send an entry; tell whether it was written. Raises nothing.

    Outside of any transaction, in four seconds. A replay enqueues the row, on its own queue.
    """
    label = f"Beat entry {entry.name!r}"
    return in_time(lambda: _write(app, entry, error), label, "is not in the failed set")


def _write(app: Celery, entry: Any, error: BaseException) -> None:
    task: Any = app.tasks.get(entry.task)
    name, args, kwargs = str(entry.task), entry.args or (), entry.kwargs or {}
    text, why = words(error), ""
    try:
        encoded = arguments.encode(name, args, kwargs, configuration.max_argument_bytes())
    except ArgumentsRefused as refused:
        encoded, why = "", f"\nThey were not kept: {refused}"
    values = [
        new_id(),
        clean(name, NAME_CHARACTERS),
        clean(_queue(app, task, entry), NAME_CHARACTERS),
        not refusals.is_durable(app, entry.task),
        clean(text, ERROR_CHARACTERS) + clean(why, ERROR_CHARACTERS),
        stack(error),
        encoded,
        arguments.show(arguments.redacted(task, args, kwargs)),
        clean(f"beat:{entry.name}", NAME_CHARACTERS),
        calls.origin(os.getpid()),
    ]
    fresh.execute(_KEEP, values)


def _queue(app: Celery, task: Any, entry: Any) -> str:
    queue = (entry.options or {}).get("queue") or getattr(task, "queue", None)
    return str(getattr(queue, "name", queue) or app.conf.task_default_queue)
