"""The queues of a Celery app as one list, and what follows from it."""

from collections.abc import Iterator, Mapping
from typing import Any

import kombu
from celery import Task
from celery.app import app_or_default

from .process import NOTHING, Process
from .queue import Queue

# Celery's own tasks (chords, clean-up) name no queue: they run on the default one.
CELERYS_OWN = "celery."
# Said where a task is refused while it is defined, as the check would say: it may come first.
AT_DEFINITION = "queues.E001"


class QueueNotDeclared(ValueError):
    """A task or a publication names a queue that is not in the list."""


class Queues:
    """The queues of one Celery app."""

    def __init__(self, *queues: Queue) -> None:
        """Hold `queues`; raise `ValueError` where two have one name."""
        self.by_name = {queue.name: queue for queue in queues}
        if len(self.by_name) != len(queues):
            raise ValueError(f"A queue is declared twice: {[queue.name for queue in queues]}")

    def __iter__(self) -> Iterator[Queue]:
        """Iterate over the queues in the order of their declaration."""
        return iter(self.by_name.values())

    def require(self, name: str, *, asked_by: str) -> str:
        """Return `name`; raise `QueueNotDeclared`, naming `asked_by` and the declared ones."""
        if name not in self.by_name:
            raise QueueNotDeclared(self._undeclared(name, asked_by))
        return name

    def require_of(self, task: type[Task[Any, Any]] | Task[Any, Any]) -> None:
        """Raise `QueueNotDeclared` where a task names no queue or an undeclared one."""
        name = task.name or "A task"
        queue = getattr(task, "queue", None)
        if name.startswith(CELERYS_OWN) and queue is None:
            return
        if queue is None:
            raise QueueNotDeclared(
                f"Task {name} names no queue. Add queue=... to its decorator;"
                f" declared are: {', '.join(self.by_name)}. ({AT_DEFINITION})"
            )
        if queue not in self.by_name:
            raise QueueNotDeclared(f"{self._undeclared(queue, f'Task {name}')} ({AT_DEFINITION})")

    def celery_settings(self, *, default: str) -> dict[str, Any]:
        """Return Celery's settings for these queues; what names none goes to `default`."""
        self.require(default, asked_by="The setting task_default_queue")
        return {
            # Left out, exchange and key would be the default queue's for all of them.
            "task_queues": [
                kombu.Queue(name, kombu.Exchange(name, type="direct"), routing_key=name)
                for name in self.by_name
            ],
            "task_create_missing_queues": False,
            "task_default_queue": default,
            "task_routes": (queue_of_task,),
        }

    def caps(self) -> dict[str, dict[str, Any]]:
        """Return how many tasks may wait on each queue, and what happens then, by its name."""
        return {queue.name: {"cap": queue.cap, "at_cap": queue.at_cap} for queue in self}

    def processes(
        self, *, stop_seconds: float = 10, deployed_environment: Mapping[str, str] = NOTHING
    ) -> tuple[Process, ...]:
        """Return each queue's worker; the arguments are those of `Queue.worker()`."""
        return tuple(
            queue.worker(stop_seconds=stop_seconds, deployed_environment=deployed_environment)
            for queue in self
        )

    def _undeclared(self, name: str, asked_by: str) -> str:
        return (
            f"{asked_by} names the queue {name!r}, which is not declared."
            f" Declared are: {', '.join(self.by_name)}."
        )


def queue_of_task(
    name: str, _args: Any, _kwargs: Any, _options: Any, task: Any = None, **_more: Any
) -> dict[str, str] | None:
    """Route by the task's own `queue`, so that `send_task("name")` goes where `delay()` goes."""
    known = task if task is not None else app_or_default().tasks.get(name)
    queue = getattr(known, "queue", None)
    return {"queue": queue} if queue else None
