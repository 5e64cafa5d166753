"""What the pages say about states, reasons and events, to people who did not write this."""

from typing import Any

from ..models import State

REASONS = {
    "retries": "retries used up",
    "error": "error",
    "time_limit": "time limit",
    "crashes": "crashes",
    "unknown": "unknown task",
    "malformed": "unreadable message",
    "unpublishable": "cannot be published",
    "expired": "expired",
    "cancelled": "cancelled",
    "unsent": "not sent by beat",
}
EXPLANATIONS = {
    "retries": "It was tried again as often as it may be, and failed each time.",
    "error": "It raised an error that is not tried again.",
    "time_limit": "It ran longer than it may, and was stopped.",
    "crashes": "It ended the process that ran it, as often as it may. Look there first: a replay"
    " runs it in a worker again.",
    "unknown": "No worker of its queue knows it: no task of this name, or none that is durable."
    " Deploy the code that has it before it is replayed.",
    "malformed": "A worker took a message that it could not read.",
    "unpublishable": "The relay could not hand it to the broker.",
    "expired": "Its time was over before a worker started it. A replay runs it all the same.",
    "cancelled": "Somebody cancelled it.",
    "unsent": "Beat could not enqueue it.",
}
# Ended by what the run did: the last one is neither a retry nor a crash.
ENDED_BY_RUN = ("retries", "error", "time_limit")
STATES = {
    State.SCHEDULED: "waits for its time",
    State.READY: "waits in the database for the relay",
    State.PUBLISHED: "waits at the broker for a worker",
    State.RUNNING: "runs now",
    State.FAILED: "has failed",
    State.DISCARDED: "was given up by somebody, and is kept for some time",
}
_PLURALS = {"retry": "retries", "crash": "crashes"}


def reason(name: str) -> str:
    """Return a reason in words; one that is not known here as it is."""
    return REASONS.get(name, name)


def count(number: int, of: str = "task") -> str:
    """Return "1 task", "12,000 tasks"."""
    return f"{number:,} {of if number == 1 else _PLURALS.get(of, f'{of}s')}"


def capped(number: int, most: int) -> str:
    """Return a number that was counted up to a bound; "" for none."""
    return f"{number:,}{' or more' if number >= most else ''}" if number > 0 else ""


def attempts(row: Any) -> str:
    """Return how often a task was run since it was enqueued, or replayed."""
    was_ended = row.state == State.FAILED and row.reason in ENDED_BY_RUN
    runs = row.retries + row.crashes + (row.state == State.RUNNING or was_ended)
    if row.started_at is None or not runs:
        return "none yet" if row.state < State.FAILED else "none"
    parts = [count(row.retries, "retry")] if row.retries else []
    parts += [count(row.crashes, "crash")] if row.crashes else []
    return f"{runs}{' (' + ', '.join(parts) + ')' if parts else ''}"
