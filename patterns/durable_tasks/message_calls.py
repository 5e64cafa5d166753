"""What the message of a plain task says that nobody here knows: the call, as a row keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from celery.app.task import Context
from kombu.utils.json import dumps

from .plain_rows import options_of

# What a body embeds, and its name in a row's options; None: a row has no place for it.
EMBEDDED = {"callbacks": "link", "chain": "chain", "errbacks": None, "chord": None}
CALLED = {"callbacks": "link", "errbacks": "link_error"}  # as people write it


@dataclass(frozen=True, kw_only=True)
class MessageCall:
    """Arguments ("" for none that a row could have), options, and what of it is not kept."""

    arguments: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    left_out: str = ""


def call_of(message: Any) -> MessageCall:
    """Return what a replay needs; nothing for the protocol of Celery 3. Raises what decoding does.

    What follows the task, and its own limits, are kept; of what cannot be, `left_out` tells.
    """
    payload = message.payload
    if not isinstance(payload, list | tuple):
        return MessageCall()
    args, kwargs, embedded = payload
    embedded = embedded if isinstance(embedded, dict) else {}
    kept = {
        key: value for key, value in embedded.items() if EMBEDDED.get(key) and _are_tasks(value)
    }
    left = [CALLED.get(key, key) for key in EMBEDDED if embedded.get(key) and key not in kept]
    return MessageCall(
        arguments=str(dumps([args, kwargs])),
        options=options_of(Context({**message.headers, "chain": None, "callbacks": None, **kept})),
        left_out=f"A replay runs without its {' and '.join(left)}: not kept." if left else "",
    )


def _are_tasks(value: Any) -> bool:
    are_named = isinstance(value, list) and all(
        isinstance(each, Mapping) and isinstance(each.get("task"), str) for each in value
    )
    return are_named and _is_json(value)


def _is_json(value: Any) -> bool:
    """Tell whether a row could have it: a message in pickle or YAML may hold anything."""
    try:
        dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
