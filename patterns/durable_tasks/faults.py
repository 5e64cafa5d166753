"""What is wrong with a message that came from the broker, told before Celery takes it."""

from collections.abc import Mapping
from typing import Any

from .envelope import UNREADABLE

# A message goes to a child by pickle, which ends near 500; the error there would cost the worker
# one of the places in its pool, for good.
MAX_DEPTH = 200


def fault_of(message: Any) -> str:
    """Return what is wrong with a message; "" where nothing is, or where Celery finds it itself.

    Checked before Celery takes it, for some of it would raise later, in the worker's event loop.
    Raises what decoding the body raises.
    """
    headers = message.headers
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
    inside = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(
        _is_deep(each, levels - 1) for each in inside if isinstance(each, dict | list | tuple)
    )
