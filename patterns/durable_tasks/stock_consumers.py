"""What another app's own consumer drops is kept as well, as far as its signals tell.

`DurableConsumer` keeps every message itself; Celery's tells of unknown tasks, of content that is
not accepted and of messages that name no task. What it cannot decode it drops with a line in the
log: use a DurableCelery.
"""

from contextlib import suppress
from typing import Any

from celery import signals

from . import malformed, unknown
from .consumer import DurableConsumer
from .patience import in_time
from .plain_rows import own_id, uuid_of

UNKNOWN = (
    "No task {} is registered in the worker that took this message. Deploy the code to all workers"
    " of its queue, then replay it."
)
NO_TASK = "it names no task: not published by Celery?"
DROPPED = "is dropped, and not in the failed set"


@signals.task_unknown.connect
def keep_unknown(sender: Any, message: Any, name: str, id: str, **_: Any) -> None:
    """Keep a message whose task nobody has registered."""
    if isinstance(sender, DurableConsumer):
        return

    def write() -> None:
        kept = ""
        with suppress(Exception):  # what cannot be read is kept as bytes
            kept = unknown.arguments_of(message)
        task_id = uuid_of(id)
        error = "\n".join(filter(None, (UNKNOWN.format(name), own_id(id))))
        malformed.keep(message, error, reason="unknown", task_id=task_id, arguments=kept)

    in_time(write, f"{name}[{id}]", DROPPED)


@signals.task_rejected.connect
def keep_rejected(sender: Any, message: Any, exc: Exception | None, **_: Any) -> None:
    """Keep a message that is refused."""
    if not isinstance(sender, DurableConsumer):
        error = exc or NO_TASK
        in_time(lambda: malformed.keep(message, error), f"A message ({error})", DROPPED)
