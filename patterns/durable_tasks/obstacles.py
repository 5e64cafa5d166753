"""Why a failed row cannot be replayed, in words for people."""

import logging
from functools import lru_cache
from typing import Any

from celery import Celery

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


def obstacle(name: str, queue: str, *, plain: bool, has_arguments: bool) -> str:
    """Return why a failed row cannot be replayed; "" where it can.

    A task that this process does not know can be: its workers may know it, and if they do not, it
    fails anew.
    """
    if not has_arguments:
        return NO_ARGUMENTS_OF_PLAIN if plain else NO_ARGUMENTS
    if not name:
        return NO_NAME
    task = task_of(name, queue)
    return NOT_DURABLE if task is not None and not isinstance(task, DurableTask) else ""


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


@lru_cache(maxsize=16)
def _tasks(app: Celery) -> Any:
    """Return the app's tasks, all of them: a web process imports what it uses, and no more."""
    app.loader.import_default_modules()
    return app.tasks
