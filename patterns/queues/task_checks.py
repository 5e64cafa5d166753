"""Checks of the tasks: whether each is on a declared queue whose pool can do what it asks for.

What a task is, is told by its attributes (`durable`, `atomic`, `time_limit`), whoever made it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from celery import Celery
from celery.app.utils import find_app
from django.core.checks import CheckMessage, Error

from .listed import CELERYS_OWN, QueueNotDeclared, Queues
from .queue import Queue

DECLARE = "Name one of them, or declare it: a queue is one line in the list of queues."
# Of a message: a list of all tasks hides what it is about.
MOST_NAMES = 5


def wrong_tasks(lists: tuple[Queues, ...]) -> Iterator[CheckMessage]:
    """Look at every task of each app that has queues in these lists."""
    by_app: dict[str, list[Queue]] = defaultdict(list)
    for queue in (queue for each in lists for queue in each):
        by_app[queue.app].append(queue)
    declared = {queue.name: queue for queues in by_app.values() for queue in queues}
    for path, queues in by_app.items():
        try:
            app = loaded(path)
        except QueueNotDeclared as error:
            yield Error(str(error), hint=DECLARE, id="queues.E001")
        except (AttributeError, ImportError, TypeError, ValueError) as error:
            yield not_loaded(path, error)
        else:
            # Two apps of one process share tasks: one of them has a worker for the queue.
            yield from wrong_tasks_of(app, queues, Queues(*declared.values()))


def loaded(path: str) -> Celery:
    """Return an app once its tasks are defined, as its worker would have them."""
    app: Celery = find_app(path, imp=import_module)
    app.autodiscover_tasks(force=True)
    for module in (*app.conf.imports, *app.conf.include):
        import_module(module)
    app.finalize()
    return app


def not_loaded(path: str, error: Exception) -> CheckMessage:
    """`queues.E009`: a task is refused at its definition, or there is no such app."""
    return Error(
        f"The tasks of the Celery app {path!r} cannot be loaded, and none was checked: {error}",
        hint="Change the task's definition; or give the queues of another app their"
        ' `app="package.celery"`, as `celery -A` takes it.',
        id="queues.E009",
    )


def wrong_tasks_of(app: Celery, queues: list[Queue], declared: Queues) -> Iterator[CheckMessage]:
    """`queues.E001`: a task without a queue, or on none that is declared; and what follows."""
    by_queue: dict[str, list[Any]] = defaultdict(list)
    tasks: list[Any] = list(app.tasks.values())
    for task in tasks:
        try:
            declared.require_of(task)
        except QueueNotDeclared as error:
            yield Error(str(error), hint=DECLARE, id="queues.E001")
        else:
            if not task.name.startswith(CELERYS_OWN):
                by_queue[task.queue].append(task)
    for queue in queues:
        own = sorted(by_queue[queue.name], key=lambda task: str(task.name))
        yield from unlimited(queue, own, app)
        yield from unkept(queue, own)
        yield from holding(queue, own)


def unlimited(queue: Queue, tasks: list[Any], app: Celery) -> Iterator[CheckMessage]:
    """`queues.E005`: tasks with time limits on a pool that takes them and does nothing."""
    ours = app.conf.task_time_limit or app.conf.task_soft_time_limit
    limited = [task for task in tasks if ours or task.time_limit or task.soft_time_limit]
    if limited and not queue.enforces_time_limits:
        yield Error(
            f"Queue {queue.name!r} has the pool {queue.pool}, which ends no task at its time"
            f" limit, and {named(limited)} would run for ever where it hangs.",
            hint='Say pool="prefork" for the queue; or take the limits off a task that cannot hang,'
            " and move all others to another queue.",
            id="queues.E005",
        )


def unkept(queue: Queue, tasks: list[Any]) -> Iterator[CheckMessage]:
    """`queues.E007`: durable tasks in threads, whose worker refuses to start."""
    durable = [task for task in tasks if getattr(task, "durable", False)]
    if durable and queue.pool == "threads":
        yield Error(
            f"Queue {queue.name!r} has the pool threads: no process could end with its task, and"
            f" {named(durable)} is durable.",
            hint='Say pool="prefork" for the queue, or durable=False for a task that may be lost.',
            id="queues.E007",
        )


def holding(queue: Queue, tasks: list[Any]) -> Iterator[CheckMessage]:
    """`queues.E006`: tasks that would hold a transaction open while they contact the outside."""
    atomic = [
        task for task in tasks if getattr(task, "durable", False) and getattr(task, "atomic", False)
    ]
    if atomic and queue.calls_outside:
        yield Error(
            f"Queue {queue.name!r} is for calls outside, and {named(atomic)} is atomic: its"
            " transaction would be open as long as the far side takes, and rolled back after it"
            " has acted.",
            hint="Say atomic=False, and record what came of it in `with task.completing():`; a task"
            " that contacts nobody belongs on another queue.",
            id="queues.E006",
        )


def named(tasks: Iterable[Any]) -> str:
    """Return the names of a few of them."""
    names = [str(task.name) for task in tasks]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"
