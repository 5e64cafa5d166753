"""System checks of the tasks: definitions that are refused, and what could hang or be lost."""

from collections.abc import Iterator
from typing import Any

from celery import Celery
from django.core.checks import CheckMessage, Error, Warning

from ..task import DurableTask


def wrong_tasks(app: Celery) -> Iterator[CheckMessage]:
    """Tasks that were refused at their definition, or are not what they seem."""
    tasks, error = _tasks_of(app)
    refused = [error, *(_refusal_of(task, app) for task in tasks)]
    for told in dict.fromkeys(filter(None, refused)):
        yield Error(told, hint="Change the task's definition.", id="durable_tasks.E012")
    ours = [task for task in tasks if not task.name.startswith("celery.")]
    for task in ours:
        if not isinstance(task, DurableTask):
            yield Warning(
                f"Task {task.name} has a base class of its own, {type(task).__mro__[1].__name__},"
                " and is not durable.",
                hint="Derive that class from DurableTask; durable = False if it may be lost.",
                id="durable_tasks.W005",
            )
    if unlimited := sorted(each.name for each in ours if _is_unlimited(each)):
        yield Warning(
            f"No time_limit on {', '.join(unlimited[:5])}{' ...' * (len(unlimited) > 5)}: a task"
            " that hangs keeps its process for ever.",
            hint="Set time_limit on the tasks or their base, or task_time_limit.",
            id="durable_tasks.W006",
        )


def _tasks_of(app: Celery) -> tuple[list[Any], str]:
    """Return the tasks, and what keeps some from being read.

    Celery raises at a refused definition once, and lists the task from then on. Which check reads
    the tasks first is chance, so only what is raised again is told here.
    """
    before = ""
    while (error := _error_of_reading(app)) != before:
        before = error
    return list(app.tasks.values()), error


def _error_of_reading(app: Celery) -> str:
    try:
        app.autodiscover_tasks(force=True)
        app.finalize(auto=True)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _refusal_of(task: Any, app: Celery) -> str:
    """Return why a task's base refuses it, as it did when the task was defined; "" if not."""
    try:
        if isinstance(task, DurableTask):
            task.on_bound(app)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _is_unlimited(task: Any) -> bool:
    return isinstance(task, DurableTask) and task.durable and not task.time_limit
