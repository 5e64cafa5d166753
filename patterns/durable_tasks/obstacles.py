"""Why a failed row cannot be replayed, in words for people."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from celery import Celery

from . import configuration
from .other_apps import of_queue as app_of
from .task import DurableTask

logger = logging.getLogger(__name__)

NO_NAME = "The message named no task, so there is nothing to run."
NO_ARGUMENTS = "Its arguments could not be read; what came is kept as bytes."
NO_ARGUMENTS_OF_PLAIN = "Its arguments were not kept; its error says why."
NOT_DURABLE = (
    "The task's base class is no DurableTask: its worker would run it without its arguments. Derive"
    " that class from DurableTask, with durable = False if it shall stay an ordinary task."
)
UNKNOWN_HERE = (
    "This process does not know the task, so it cannot tell whether its worker would run it without"
    " its arguments. Name the app of its queue in DURABLE_TASKS_OTHER_APPS, or replay it from a"
    " process that has its code."
)
NO_QUEUE = (
    "This process knows no queue of its name, so no relay would publish it. Declare the queue; or"
    " discard this, and enqueue the task on another one."
)


def obstacle(name: str, queue: str, *, plain: bool, has_arguments: bool) -> str:
    """Return why a failed row cannot be replayed; "" where it can.

    A durable task that this process does not know can be: its workers may know it, and if they do
    not, it fails anew. A plain one cannot: a worker of another base class would take no notice of
    the row, run the message's empty arguments, and be sent it again and again.
    """
    if not has_arguments:
        return NO_ARGUMENTS_OF_PLAIN if plain else NO_ARGUMENTS
    if not name:
        return NO_NAME
    if not _has_queue(queue):
        return NO_QUEUE
    task = task_of(name, queue)
    if task is None:
        return UNKNOWN_HERE if plain else ""
    return "" if isinstance(task, DurableTask) else NOT_DURABLE


def task_of(name: str, queue: str) -> Any:
    """Return the task as this process knows it, of the app whose workers take the queue.

    None where nothing knows it, and where the project's modules cannot be imported, which a person
    who looks at failed tasks hears of in the log.
    """
    try:
        return _tasks(app_of(queue)).get(name)
    except Exception:
        logger.exception("The tasks of queue %r cannot be loaded.", queue)
        return None


def all_tasks() -> Iterator[Any]:
    """Yield the tasks of the current app and of the project's other ones, as far as they load."""
    for queue in ("", *configuration.other_apps()):
        try:
            yield from _tasks(app_of(queue)).values()
        except Exception:
            logger.exception("The tasks of the app of queue %r cannot be loaded.", queue)


def _has_queue(queue: str) -> bool:
    """Tell whether the app of a queue publishes to it: one that it declares, or makes."""
    try:
        app = app_of(queue)
        return bool(app.conf.task_create_missing_queues) or queue in app.amqp.queues
    except Exception:  # what cannot be loaded is told where its tasks are asked for
        return True


@lru_cache(maxsize=16)
def _tasks(app: Celery) -> Any:
    """Return the app's tasks, all of them: a web process imports what it uses, and no more."""
    app.loader.import_default_modules()
    return app.tasks
