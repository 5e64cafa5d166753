"""The options that a row keeps, as JSON: what its message says, and what follows the task."""

import json
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery._state import get_current_task

from . import arguments, refusals
from .errors import ArgumentsRefused

# The option of a row whose name is no Celery task's: which one runs it.
CARRIER = "carrier"
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


def text_of(app: Celery, name: str, task: Any, options: Mapping[str, Any], limit: int) -> str:
    """Return what a row keeps of a call's options, "" for nothing.

    Raises `NotKept` for a next step that would not be kept, `ArgumentsRefused` for what is too
    large or no JSON.
    """
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


def read_options(text: str) -> dict[str, Any]:
    """Return a row's options, from what `text_of` made of them."""
    return dict(json.loads(text)) if text else {}


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
