"""What another app's own consumer drops is kept as well, as far as its signals tell.

`DurableConsumer` keeps every message itself; Celery's tells of unknown tasks, of content that is
not accepted and of messages that name no task. What it cannot decode it drops with a line in the
log: use a DurableCelery.
"""

from typing import Any

from celery import signals

from . import malformed, unknown
from .consumer import DurableConsumer
from .patience import in_time

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
        unknown.keep_call(message, UNKNOWN.format(name), id, str(sender.hostname))

    in_time(write, f"{name}[{id}]", DROPPED)


@signals.task_rejected.connect
def keep_rejected(sender: Any, message: Any, exc: Exception | None, **_: Any) -> None:
    """Keep a message that is refused."""
    if not isinstance(sender, DurableConsumer):
        error, worker = exc or NO_TASK, str(sender.hostname)
        label = f"A message ({error})"
        in_time(lambda: malformed.keep(message, error, worker=worker), label, DROPPED)
