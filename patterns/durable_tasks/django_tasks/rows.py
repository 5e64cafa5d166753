"""A Django task as a row: its name is the function's path, a carrier is the Celery task for it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import current_app
from celery.exceptions import QueueNotFound
from django.utils import timezone
from kombu.utils.json import dumps

from .. import arguments, calls
from ..new_row import NewRow
from ..row_options import CARRIER, read_options
from . import paths
from .framework import AnyResult, AnyTask, InvalidTask

if TYPE_CHECKING:
    from .backend import DurableBackend

TOLD = "django"  # the option that holds what no column does


class _Body:
    """A function's parameters, for what hides secrets by their names."""

    redact: tuple[str, ...] = ()

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run


def new_row(backend: "DurableBackend", result: AnyResult) -> NewRow:
    """Return the row of a call; raise what `enqueue()` says."""
    task, args, kwargs = result.task, result.args, result.kwargs
    path = paths.path_of(task)
    paths.refuse_wrong_arguments(task, args, kwargs)
    carrier = current_app.tasks[backend.carrier.name]
    options = {
        "task_id": result.id,
        "queue": task.queue_name,
        "eta": _aware(task),
        "shadow": path,  # what Flower and the worker's log call it
    }
    try:
        row = calls.new_row(current_app, path, carrier, args, kwargs, options)
    except QueueNotFound as error:
        raise InvalidTask(
            f"{path}: Celery has no queue {task.queue_name!r}. Declare it where the project lists"
            " its queues, with a worker; or name another one."
        ) from error
    # In Django the largest goes first, in a row the lowest; 0 is everybody's default.
    row.rank = -int(task.priority)
    row.shown = arguments.show(arguments.redacted(_Body(paths.called(task)), args, kwargs))
    row.options = _options(row.options, str(carrier.name), task)
    return row


def _options(text: str, carrier: str, task: AnyTask) -> str:
    after = task.run_after.isoformat() if task.run_after else None
    told = {"backend": task.backend, "priority": int(task.priority), "run_after": after}
    return str(dumps({**read_options(text), CARRIER: carrier, TOLD: told}))


def _aware(task: AnyTask) -> Any:
    """Return when it is due; a naive time (USE_TZ = False) is one of the project's zone."""
    after = task.run_after
    return timezone.make_aware(after) if after and timezone.is_naive(after) else after
