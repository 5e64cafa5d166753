"""What a result is for: the next steps of a chain, links, and the result backend.

Next steps are enqueued in the transaction that ends the step before.
"""

import logging
from collections.abc import Callable
from typing import Any

from celery import Task
from celery.app.task import get_actual_ignore_result  # type: ignore[attr-defined]  # not in stubs
from celery.backends.base import DisabledBackend
from celery.canvas import _chain, group, maybe_signature, signature
from django.db import transaction

from . import configuration
from .claim import Claim
from .refusals import is_durable
from .row_options import read_options

logger = logging.getLogger(__name__)


def refuse_unkept(task: "Task[Any, Any]", result: Any) -> None:
    """Raise `EncodeError` for a result that the result backend would not take.

    Before the task's end commits: Celery finds it afterwards, and calls a task that is done failed.
    """
    if get_actual_ignore_result(task, task.request):
        return
    if not isinstance(task.backend, DisabledBackend):
        task.backend.encode(result)


# Each publishes a plain next step and takes itself out: they are called once.
Unpublished = list[Callable[[], None]]


def enqueue(task: "Task[Any, Any]", claim: Claim, result: Any) -> Unpublished:
    """Enqueue what follows a task, with its result as Celery would; return what the commit calls.

    Crash or rollback: neither the task has ended nor are its next steps enqueued; of a group all
    are, or none. A next step that is a plain task is published after the commit, and lost with the
    process between the two.
    """
    unpublished: Unpublished = []
    if not claim.options:
        return unpublished
    options = read_options(claim.options)
    family = {"parent_id": str(claim.id), "root_id": options.get("root_id") or str(claim.id)}
    for link in options.get("link", ()):
        _enqueue(signature(link, app=task.app), result, family, unpublished)
    if steps := options.get("chain"):
        *later, following = steps
        rest = {"chain": later} if later else {}
        _enqueue(signature(following, app=task.app), result, {**rest, **family}, unpublished)
    return unpublished


def publish(unpublished: Unpublished) -> None:
    """Publish what the commit has not, since its answer was lost; an error is logged, as by it."""
    for each in list(unpublished):
        try:
            each()
        except Exception:
            logger.exception("A plain next step was not published.")


def _enqueue(step: Any, result: Any, options: dict[str, Any], unpublished: Unpublished) -> None:
    for part, is_row in _parts(step):
        if is_row:
            part.apply_async((result,), **options)
        else:  # the broker is not touched while the row is locked, nothing is sent for a rollback
            publishing = _publishing(part, result, options, unpublished)
            transaction.on_commit(publishing, using=configuration.database(), robust=True)


def _publishing(
    step: Any, result: Any, options: dict[str, Any], unpublished: Unpublished
) -> Callable[[], None]:
    """Return a function, not a partial: of one that raises Django logs the name."""

    def publish() -> None:
        unpublished.remove(publish)  # first: one that raises may have reached the broker
        step.apply_async((result,), **options)

    unpublished.append(publish)
    return publish


def _parts(step: Any) -> list[tuple[Any, bool]]:
    """Return a step and whether its beginning is a row; a group as its tasks of either kind."""
    if not isinstance(step, group):
        return [(step, _is_durable(step))]
    tasks: dict[bool, list[Any]] = {True: [], False: []}
    for each in _members(step):
        tasks[_is_durable(each)].append(each)
    return [(group(part, app=step.app), is_row) for is_row, part in tasks.items() if part]


def _members(step: Any) -> list[Any]:
    """Return the tasks of a group, and those of groups within it."""
    return [
        each
        for one in (maybe_signature(task, app=step.app) for task in step.tasks)
        for each in (_members(one) if isinstance(one, group) else [one])
    ]


def _is_durable(step: Any) -> bool:
    """Tell whether what begins a step is a row; the rest of a chain is in that row."""
    if isinstance(step, _chain | group):
        return all(_is_durable(maybe_signature(each, app=step.app)) for each in _first(step))
    return is_durable(step.app, step.task)


def _first(step: Any) -> list[Any]:
    tasks = list(step.tasks)
    return tasks[:1] if isinstance(step, _chain) else tasks
