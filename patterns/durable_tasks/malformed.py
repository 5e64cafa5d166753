"""A message that cannot become a task is a failed row, with its bytes, and why."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from kombu.utils.json import dumps

from . import fresh
from .arguments import HIDDEN, decode, redacted, show
from .error_text import NAME_CHARACTERS, clean, stack, words
from .faults import body_of, queue_of
from .marks import PUBLICATION
from .message_calls import MessageCall
from .new_row import new_id
from .plain_rows import origin_of

# Enough to see what it was; a hostile name or error must not fill a page.
MESSAGE_CHARACTERS = 10_000
HEADERS_CHARACTERS = 100_000
BODY_BYTES = 1_000_000
UNREADABLE_CALL = MessageCall()

# A plain task's message that comes again is its row, failed once more. Where the row waits or runs,
# or the id is a durable task's, nothing is written, and the message gets a row of its own.
_KEEP = """
INSERT INTO durable_tasks_task AS t (id, name, queue, state, plain, reason, error, traceback,
    message, arguments, shown, options, worker, origin, failed_at, first_failed_at)
VALUES (%s, %s, %s, 4, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(),
    clock_timestamp())
ON CONFLICT (id) DO UPDATE SET state = 4, discarded_at = NULL,
    reason = excluded.reason, error = excluded.error, traceback = excluded.traceback,
    message = excluded.message, worker = excluded.worker, failed_at = excluded.failed_at
WHERE t.plain AND t.state >= 4
RETURNING id
"""

_FAIL_OWN = """
UPDATE durable_tasks_task SET state = 4, reason = %s, error = %s, traceback = %s, message = %s,
    worker = %s, publication = NULL, leased_until = NULL, unique_key = NULL, failed_at = now(),
    first_failed_at = coalesce(first_failed_at, now())
WHERE id = %s AND publication = %s AND state = 2 RETURNING id
"""


def keep(
    message: Any,
    error: BaseException | str,
    *,
    worker: str = "",
    reason: str = "malformed",
    task_id: UUID | None = None,
    call: MessageCall = UNREADABLE_CALL,
) -> UUID:
    """Write a message into the failed set, in a transaction of its own; return the row's id.

    Raises what the database raises. Crash before the message is acknowledged: it comes again, and
    is kept again; with a `task_id`, as the same row with one failure more. `worker` met it.
    """
    headers = message.headers
    if (own := _fail_own_row(message, headers, error, reason, worker)) is not None:
        return own
    values = [
        *(clean(each, NAME_CHARACTERS) for each in (_name(headers), queue_of(message))),
        bool(call.arguments),  # a task that is not durable: of a durable one the row has them
        *(reason, _text(error, message), _stack(error), body_of(message)[:BODY_BYTES]),
        *(
            call.arguments,
            clean(_shown(call.arguments), MESSAGE_CHARACTERS) if call.arguments else "",
        ),
        _described(message, headers, call.options),
        *(clean(each, NAME_CHARACTERS) for each in (worker, origin_of(headers.get("origin")))),
    ]
    row_id = new_id() if task_id is None else task_id
    if not fresh.execute(_KEEP, [row_id, *values]):
        row_id = new_id()
        fresh.execute(_KEEP, [row_id, *values])
    return row_id


def _fail_own_row(
    message: Any, headers: dict[str, Any], error: BaseException | str, reason: str, worker: str
) -> UUID | None:
    """Fail the row that a durable message belongs to; None where it has none of that token.

    Left alone, the row would be published again when its lease ends, and refused again, for ever.
    """
    try:
        row_id = UUID(str(headers["id"]))
        publication = UUID(str(headers[PUBLICATION]))
    except (KeyError, ValueError):
        return None
    body = body_of(message)[:BODY_BYTES]
    told = [reason, _text(error, message), _stack(error), body]
    values = [*told, clean(worker, NAME_CHARACTERS), row_id, publication]
    return row_id if fresh.execute(_FAIL_OWN, values) else None


def _text(error: BaseException | str, message: Any) -> str:
    text = clean(error if isinstance(error, str) else words(error), MESSAGE_CHARACTERS)
    if (size := len(body_of(message))) <= BODY_BYTES:
        return text
    return f"{text}\nIts body has {size:,} bytes; the first {BODY_BYTES:,} are kept."


def _stack(error: BaseException | str) -> str:
    return "" if isinstance(error, str) else stack(error)


def _name(headers: Mapping[str, Any]) -> str:
    name = headers.get("task", "")
    return name if isinstance(name, str) else ""


def _shown(arguments: str) -> str:
    """Return arguments redacted here: what the message itself says of them hides no secret."""
    try:
        return show(redacted(None, *decode(arguments)))
    except (TypeError, ValueError, RecursionError):  # of no shape, or too deep
        return show((HIDDEN, HIDDEN))


def _described(message: Any, headers: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return the row's options: what else came with the body is under one key of its own."""
    described = {
        "headers": headers,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
        "properties": message.properties,
    }
    with suppress(TypeError, ValueError, RecursionError):
        if len(dumps(described)) <= HEADERS_CHARACTERS:
            return str(dumps({**options, "message": described}))
    return str(dumps({**options, "message": {"headers": clean(repr(headers), MESSAGE_CHARACTERS)}}))
