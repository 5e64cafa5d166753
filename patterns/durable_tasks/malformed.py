"""A message that cannot become a task is a failed row, with its bytes, and why."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from kombu.utils.json import dumps

from . import fresh
from .arguments import HIDDEN, decode, redacted, show
from .enqueue import new_id
from .envelope import UNREADABLE
from .error_text import stack, words
from .message_calls import MessageCall
from .plain_rows import origin_of

# Enough to see what it was; a hostile name or error must not fill a page.
NAME_CHARACTERS = 255
ERROR_CHARACTERS = 10_000
HEADERS_CHARACTERS = 100_000
BODY_BYTES = 1_000_000
# A message goes to a child by pickle, which ends near 500; the error there would cost the worker
# one of the places in its pool, for good.
MAX_DEPTH = 200
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


def fault_of(message: Any) -> str:
    """Return what is wrong with a message; "" where nothing is, or where Celery finds it itself.

    Checked before Celery takes it, for some of it would raise later, in the worker's event loop.
    Raises what decoding the body raises.
    """
    headers = message.headers
    if not isinstance(headers, dict):
        return "its headers are no object"
    if UNREADABLE in headers:
        return str(headers[UNREADABLE])
    payload = message.payload
    # In the protocol of Celery 3 the body says what the headers say now.
    fields = {**payload, **headers} if isinstance(payload, dict) else headers
    if "task" not in fields:
        return "it names no task: not published by Celery?"
    for key in ("task", "id"):
        if not isinstance(fields.get(key), str) or not fields[key]:
            return f"its {key} is {fields.get(key)!r:.100}, no text"
    if not isinstance(fields.get("shadow"), str | None):
        return f"its shadow is {fields['shadow']!r:.100}, no name"
    return (
        _limits_fault(fields.get("timelimit"))
        or _stamps_fault(fields.get("stamped_headers"), fields.get("stamps"))
        or ("task" in headers and _body_fault(payload))
        or _depth_fault(headers, message)
        or ""
    )


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
    headers = message.headers if isinstance(message.headers, dict) else {}
    if (own := _fail_own_row(message, headers, error, reason, worker)) is not None:
        return own
    values = [
        clean(_name(headers), NAME_CHARACTERS),
        clean(queue_of(message), NAME_CHARACTERS),
        bool(call.arguments),  # a task that is not durable: of a durable one the row has them
        reason,
        _text(error, message),
        _stack(error),
        body_of(message)[:BODY_BYTES],
        call.arguments,
        clean(_shown(call.arguments)) if call.arguments else "",
        _described(message, headers, call.options),
        clean(worker, NAME_CHARACTERS),
        clean(origin_of(headers.get("origin")), NAME_CHARACTERS),
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
        publication = UUID(str(headers["durable_publication"]))
    except (KeyError, ValueError):
        return None
    body = body_of(message)[:BODY_BYTES]
    told = [reason, _text(error, message), _stack(error), body]
    values = [*told, clean(worker, NAME_CHARACTERS), row_id, publication]
    return row_id if fresh.execute(_FAIL_OWN, values) else None


def queue_of(message: Any) -> str:
    """Return the queue that a message came from, as far as it says; "" where it does not."""
    address = message.delivery_info
    return str(address.get("routing_key") or "") if isinstance(address, Mapping) else ""


def body_of(message: Any) -> bytes:
    """Return the body as it came; of an unreadable envelope, all that came."""
    body = message.body
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    return b"" if body is None else str(body).encode("utf-8", "backslashreplace")


def clean(text: str, characters: int = ERROR_CHARACTERS) -> str:
    """Return text that PostgreSQL takes: no NUL, no lone surrogates, not too long."""
    readable = text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    return readable if len(readable) <= characters else readable[: characters - 1] + "…"


def _text(error: BaseException | str, message: Any) -> str:
    text = clean(error if isinstance(error, str) else words(error))
    if (size := len(body_of(message))) <= BODY_BYTES:
        return text
    return f"{text}\nIts body has {size:,} bytes; the first {BODY_BYTES:,} are kept."


def _stack(error: BaseException | str) -> str:
    return "" if isinstance(error, str) else stack(error)


def _limits_fault(limits: Any) -> str:
    if limits is None:
        return ""
    if isinstance(limits, list | tuple) and len(limits) == 2 and all(map(_is_limit, limits)):
        return ""
    return f"its time limits are {limits!r:.100}"


def _is_limit(limit: Any) -> bool:
    return limit is None or (isinstance(limit, int | float) and not isinstance(limit, bool))


def _stamps_fault(names: Any, stamps: Any) -> str:
    if names is not None and not (
        isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    ):
        return f"its stamped_headers are {names!r:.100}, no names"
    if stamps is None or isinstance(stamps, dict):
        return ""
    return f"its stamps are {stamps!r:.100}, no object"


def _body_fault(payload: Any) -> str:
    if isinstance(payload, dict) and "args" in payload:  # Celery's hybrid of both protocols
        return ""
    if not isinstance(payload, list | tuple) or len(payload) != 3:
        return "its body is no [args, kwargs, embed]"
    args, kwargs, embed = payload
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        return "its args are no array, or its kwargs no object"
    return "" if embed is None or isinstance(embed, dict) else "what its body embeds is no object"


def _depth_fault(headers: Mapping[str, Any], message: Any) -> str:
    body = body_of(message)
    brackets = body.count(b"[") + body.count(b"{")
    if _is_deep(headers) or (brackets > MAX_DEPTH and _is_deep(message.payload)):
        return f"it is nested more than {MAX_DEPTH} levels deep"
    return ""


def _is_deep(value: Any, levels: int = MAX_DEPTH) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return levels == 0 or any(
        _is_deep(each, levels - 1) for each in value if isinstance(each, dict | list | tuple)
    )


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
    return str(dumps({**options, "message": {"headers": clean(repr(headers))}}))
