"""A task that this worker does not know as a durable one: left to one that does, for a stated time.

A rolling deploy has workers of both versions on one queue. Celery drops what the old ones do not
know, and would run without its arguments what they know as an ordinary task; here the row waits for
a worker that has the code, DURABLE_TASKS_UNKNOWN_TASK_SECONDS at most.
"""

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from celery import signals
from celery.app.task import Context
from celery.exceptions import NotRegistered

from . import configuration, fresh
from .error_text import NAME_CHARACTERS, clean
from .malformed import MESSAGE_CHARACTERS, keep
from .message_calls import MessageCall, call_of
from .plain_rows import own_id, uuid_of

logger = logging.getLogger(__name__)

# Often enough that a new worker gets it soon, seldom enough that old ones do little else.
PAUSE_SECONDS = 10

# A row that somebody holds, a caller with its unique key, is left to its lease: the worker's main
# process has others to serve.
_PUT_BACK = """
UPDATE durable_tasks_task SET
    publication = NULL, leased_until = NULL,
    unknown_since = coalesce(unknown_since, now()),
    state = CASE WHEN {is_over} THEN 4 ELSE 0 END,
    due_at = CASE WHEN {is_over} THEN due_at ELSE now() + make_interval(secs => %(pause)s) END,
    unique_key = CASE WHEN {is_over} THEN NULL ELSE unique_key END,
    reason = CASE WHEN {is_over} THEN 'unknown' ELSE reason END,
    error = CASE WHEN {is_over} THEN %(error)s ELSE error END,
    worker = CASE WHEN {is_over} THEN %(worker)s ELSE worker END,
    traceback = CASE WHEN {is_over} THEN '' ELSE traceback END,
    failed_at = CASE WHEN {is_over} THEN now() ELSE failed_at END,
    first_failed_at = CASE WHEN {is_over} THEN coalesce(first_failed_at, now())
        ELSE first_failed_at END
WHERE id = (
    SELECT id FROM durable_tasks_task
    WHERE id = %(id)s AND publication = %(publication)s AND state = 2 FOR UPDATE SKIP LOCKED)
RETURNING state
""".replace("{is_over}", "now() - unknown_since > make_interval(secs => %(limit)s)")


def put_back(
    task_id: str, publication: str, name: str, *, known: Any = None, worker: str = ""
) -> bool:
    """Put a durable task's row back, to be published again; fail it once its time is over.

    `known` is what `worker` has under the name: nothing, or a task whose base is no DurableTask.
    Return False where the message was not the current one (somebody else has the task), or where a
    transaction holds the row. Raises what the database raises; the publication's lease then brings
    the task back. Duplicate: False.
    """
    parameters = {
        "id": UUID(task_id),
        "publication": UUID(publication),
        "pause": PAUSE_SECONDS,
        "limit": configuration.unknown_task_seconds(),
        "error": clean(error := _error(known, name), MESSAGE_CHARACTERS),
        "worker": clean(worker, NAME_CHARACTERS),
    }
    rows = fresh.execute(_PUT_BACK, parameters)
    if rows and rows[0][0] == 0:
        logger.warning(
            "Task %s[%s] is not known to this worker%s; tried again in %d s.",
            name,
            task_id,
            "" if known is None else " as a durable task",
            PAUSE_SECONDS,
        )
    elif rows:
        logger.error("Task %s[%s] has failed. %s", name, task_id, error)
    return bool(rows)


def keep_plain(consumer: Any, message: Any, exc: Exception) -> None:
    """Write a plain task's message into the failed set, arguments and all: no row of it could wait.

    Tells whoever waits for its result, as Celery does. Raises what the database raises.
    """
    name, task_id = message.headers["task"], message.headers["id"]
    error = (
        f"No task {name} is registered in the worker that took this message, and a plain task"
        " cannot wait for another one. Deploy the code to all workers of its queue, then replay it."
    )
    row_id = keep_call(message, error, task_id, str(consumer.hostname))
    logger.error("Task %s[%s] is not known here, and is failed task %s.", name, task_id, row_id)
    with suppress(Exception):  # nobody's waiting may keep the message from being acknowledged
        _tell(consumer, message, exc)


def keep_call(message: Any, error: str, task_id: str, worker: str) -> UUID:
    """Write a message that could be read, and whose task is not known, as a row to be replayed."""
    call = MessageCall()
    with suppress(Exception):  # what cannot be read is kept as bytes
        call = call_of(message)
    error = "\n".join(filter(None, (error, call.left_out, own_id(task_id))))
    known: dict[str, Any] = {"reason": "unknown", "task_id": uuid_of(task_id), "worker": worker}
    return keep(message, error, call=call, **known)


def _tell(consumer: Any, message: Any, exc: Exception) -> None:
    name, task_id = message.headers["task"], message.headers["id"]
    signals.task_unknown.send(sender=consumer, message=message, exc=exc, name=name, id=task_id)
    if consumer.event_dispatcher:
        exception = repr(NotRegistered(name))
        consumer.event_dispatcher.send("task-failed", uuid=task_id, exception=exception)
    root_id = message.headers.get("root_id")
    request = Context(task=name, id=task_id, root_id=root_id, **message.properties)
    consumer.app.backend.mark_as_failure(task_id, NotRegistered(name), request=request)


def _error(known: Any, name: str) -> str:
    seconds = f"{configuration.unknown_task_seconds():g} s"
    if known is None:
        return (
            f"Its workers have not known the task {name} for {seconds}. Deploy the code that has it"
            " to a worker of this queue, then replay it; or discard it."
        )
    base = type(known).__mro__[1].__name__
    return (
        f"For {seconds} its workers have known {name} as an ordinary task, which takes no notice of"
        f" its row: the base class {base} is no DurableTask. Derive that class from DurableTask,"
        " with durable = False if it shall stay an ordinary task, and deploy it; then replay this."
    )
