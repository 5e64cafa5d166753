"""The one list of queues and why each exists: routes, workers and processes follow from it.

Why: a queue that no worker takes from swallows its tasks without a word, and Celery makes a new
    queue of every typo. A list kept twice (settings and Procfile) drifts apart.
Guarantees: a task that names no queue, or one that is not in the list, is refused when it is
    defined; a publish to such a queue is refused when it is asked for, with the declared ones
    named; each declared queue has exactly one worker process in `processes()`, and a stated bound
    in `caps()` for whatever keeps its tasks.
Not for: queues made while the system runs (one a customer, say); priorities within a queue.
Copy: this file.
Needs: celery>=5.5.
Settings: none. Of Celery's own: task_queues, task_routes, task_create_missing_queues,
    task_default_queue, which `celery_settings()` returns.
Wiring:
    1. In queues.py:
           from <this package> import Queue, Queues

           QUEUES = Queues(
               Queue(name="default", why="what nobody waits for", app="shop"),
               Queue(name="mail", why="mails wait for mails alone", app="shop"),
           )
    2. In base_task.py:
           from celery import Task

           from .queues import QUEUES


           class QueuedTask(Task):
               abstract = True

               @classmethod
               def on_bound(cls, app):
                   QUEUES.require_of(cls)
                   super().on_bound(app)

               def apply_async(self, *args, **options):
                   if options.get("queue"):
                       QUEUES.require(options["queue"], asked_by=f"A call of {self.name}")
                   return super().apply_async(*args, **options)
    3. In celery.py, in the place of its app:
           app = Celery("shop", task_cls="shop.base_task:QueuedTask")
    4. In celery.py:
           from .queues import QUEUES

           app.conf.update(QUEUES.celery_settings(default="default"))
    5. Keep running, as `QUEUES.processes()` says:
           celery -A shop worker -l INFO -Q default -n default@%h -c 1
           celery -A shop worker -l INFO -Q mail -n mail@%h -c 1
    6. Give `caps()` to what keeps tasks: `DURABLE_TASKS_QUEUES = QUEUES.caps()`.
Testing: compare your Procfile with `processes()`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import kombu
from celery import Task
from celery.app import app_or_default

# What a shell, a Procfile and a broker's key all take without quoting.
NAME = re.compile(r"[a-z][a-z0-9_]*")
# Celery's own tasks (chords, clean-up) name no queue: they run on the default one.
CELERYS_OWN = "celery."
AT_CAP = ("alarm", "refuse")


class QueueNotDeclared(ValueError):
    """A task or a publication names a queue that is not in the list."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One named lane, why it exists, and the worker that takes from it.

    `app` is the Celery app as `celery -A` takes it. `concurrency` is the number of the worker's
    processes: 1, since tasks on one lane wait for each other unless you say otherwise, and every
    process costs some 40 MB. `cap` is how many tasks may wait: a million are some 500 MB in a
    database. `at_cap` is what happens to one more: "alarm" takes it all the same, since a task
    refused is work undone that somebody was promised; "refuse" is for what can be asked for again.
    `latency_seconds` is how long the oldest due task may wait before somebody is told.
    """

    name: str
    why: str
    app: str = "config"
    concurrency: int = 1
    cap: int = 1_000_000
    at_cap: Literal["alarm", "refuse"] = "alarm"
    latency_seconds: float = 300

    def __post_init__(self) -> None:
        """Raise `ValueError` where a part makes no sense."""
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Queue {self.name!r}: use lower-case letters, digits, underscores.")
        if not self.why.strip():
            raise ValueError(f"Queue {self.name!r} does not say why it exists: set `why`.")
        if self.concurrency < 1:
            raise ValueError(f"Queue {self.name!r}: concurrency must be 1 or more.")
        if self.cap < 1:
            raise ValueError(f"Queue {self.name!r}: cap must be 1 or more.")
        if self.at_cap not in AT_CAP:
            raise ValueError(f"Queue {self.name!r}: at_cap is one of {', '.join(AT_CAP)}.")
        if self.latency_seconds <= 0:
            raise ValueError(f"Queue {self.name!r}: latency_seconds must be more than 0.")

    @property
    def process(self) -> str:
        """Name of its worker's process."""
        return f"worker_{self.name}"

    @property
    def command(self) -> str:
        """Command of its worker.

        REMAP_SIGTERM: at a stop it gives running tasks `worker_soft_shutdown_timeout` and hands
        back the rest; Celery's own way is to wait until somebody kills it. It is read before any
        of our modules, so it stands here. Gossip and mingle cost connections and a slow start.
        """
        return (
            f"env REMAP_SIGTERM=SIGQUIT celery -A {self.app} worker -Q {self.name}"
            f" -n {self.name}@%h -c {self.concurrency} --without-gossip --without-mingle"
        )


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
            raise QueueNotDeclared(
                f"{asked_by} names the queue {name!r}, which is not declared."
                f" Declared are: {', '.join(self.by_name)}."
            )
        return name

    def require_of(self, task: "type[Task[Any, Any]] | Task[Any, Any]") -> None:
        """Raise `QueueNotDeclared` where a task names no queue or an undeclared one."""
        name = task.name or "A task"
        queue = getattr(task, "queue", None)
        if name.startswith(CELERYS_OWN) and queue is None:
            return
        if queue is None:
            raise QueueNotDeclared(
                f"Task {name} names no queue. Add queue=... to its decorator;"
                f" declared are: {', '.join(self.by_name)}."
            )
        self.require(queue, asked_by=f"Task {name}")

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

    def processes(self) -> dict[str, str]:
        """Return the command of every worker by the name of its process."""
        return {queue.process: queue.command for queue in self}


def queue_of_task(
    name: str, _args: Any, _kwargs: Any, _options: Any, task: Any = None, **_more: Any
) -> dict[str, str] | None:
    """Route by the task's own `queue`, so that `send_task("name")` goes where `delay()` goes."""
    known = task if task is not None else app_or_default().tasks.get(name)
    queue = getattr(known, "queue", None)
    return {"queue": queue} if queue else None
