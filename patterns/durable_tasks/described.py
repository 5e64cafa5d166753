"""A task as a command tells of it: in a list, and with everything that is known."""

import base64
import json
import logging
from datetime import datetime
from textwrap import indent
from typing import Any
from uuid import UUID

from django.db import transaction

from . import arguments, configuration
from .models import Event, State, TaskRow
from .obstacles import obstacle, task_of
from .selection import Group
from .terminal import printable, when

logger = logging.getLogger(__name__)

Told = dict[str, Any]


def group(of: Group) -> Told:
    """Return equal failures."""
    told = {"task": of.name, "exception": of.exception, "count": of.count}
    return {**told, "first": of.first, "newest": of.newest}


def row(of: TaskRow) -> Told:
    """Return what a list shows, and nothing that is secret."""
    return {
        "id": str(of.pk),
        "task": of.name,
        "queue": of.queue,
        "state": State(of.state).label,
        "arguments": _shown(of.shown),
        "reason": of.reason,
        "exception": of.exception,
        "error": of.error,
        "failures": of.failures,
        "retries": of.retries,
        "crashes": of.crashes,
        **{name: getattr(of, name) for name in TIMES},
        "worker": of.worker,
        "origin": of.origin,
    }


TIMES = ("enqueued_at", "due_at", "started_at", "first_failed_at", "failed_at")


def whole(id: UUID, *, with_arguments: bool) -> Told | None:
    """Return everything about a task and its history; None where there is neither."""
    database = configuration.database()
    found = TaskRow.objects.using(database).filter(pk=id).first()
    events = Event.objects.using(database).filter(task_id=id).order_by("at", "id")
    history = [
        {"at": each.at, "what": each.kind, "by": each.by, "worker": each.at_worker,
         "note": each.note}
        for each in events
    ]  # fmt: skip
    if found is None:
        return _gone(id, events.first(), history)
    told = {**row(found), "about": _about(found), "cannot_be_replayed": _why_not(found)}
    if with_arguments:
        told["arguments"] = found.arguments
        message = base64.b64encode(bytes(found.message or b"")).decode()
        told["message_base64"] = message or None
    return {**told, "history": history, "traceback": found.traceback}


def as_json(told: Any) -> str:
    """Return it for programs: keys stay, times are ISO 8601."""
    return json.dumps(told, indent=1, default=_iso)


def as_text(told: Told) -> str:
    """Return it for people; nothing in it can command a terminal."""
    lines = []
    for name, value in told.items():
        if name in ("history", "traceback") or value in ("", None):
            continue
        text = when(value) if isinstance(value, datetime) else printable(str(value))
        # No line of an error can pass for one of ours.
        lines.append(f"{name.replace('_', ' '):18} {text}".replace("\n", f"\n{'':19}"))
    if told["history"]:
        lines.append("history")
    for event in told["history"]:
        who = " ".join(filter(None, (f"by {event['by']}" * bool(event["by"]), event["worker"])))
        words = (when(event["at"]), f"{event['what']:9}", who, event["note"].split("\n")[0])
        lines.append("  " + "  ".join(printable(each) for each in words if each))
    if told["traceback"]:
        lines += ["traceback", indent(printable(told["traceback"]), "  ")]
    return "\n".join(lines)


def _gone(id: UUID, event: Event | None, history: list[Told]) -> Told | None:
    if event is None:
        return None
    ended = {"id": str(id), "task": event.name, "state": "gone"}
    return {**ended, "history": history, "traceback": ""}


def _shown(text: str) -> str:
    """Return the redacted arguments as one reads a call."""
    try:
        args, kwargs = json.loads(text)
    except (TypeError, ValueError):
        return text
    return f"{args} {kwargs}"


def _about(found: TaskRow) -> str:
    """Return what the task's class says of it, a mail's recipient for one."""
    try:
        task = task_of(found.name, found.queue)
        if not hasattr(task, "describe") or not found.arguments:
            return ""
        with transaction.atomic(using=configuration.database()):
            return str(task.describe([arguments.decode(found.arguments)])[0])
    except Exception:  # a project's code: what is known otherwise is shown all the same
        logger.exception("describe() of %s failed.", found.name)
        return ""


def _why_not(found: TaskRow) -> str:
    if found.state != State.FAILED:
        return ""
    has_arguments = bool(found.arguments)
    return obstacle(found.name, found.queue, plain=found.plain, has_arguments=has_arguments)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
