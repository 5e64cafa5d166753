"""What a result is for: the next steps of a chain, links, and the result backend.

Next steps are enqueued in the transaction that ends the step before.
"""

from functools import partial
from typing import Any

from celery import Task
from celery.app.task import get_actual_ignore_result  # type: ignore[attr-defined]  # not in stubs
from celery.backends.base import DisabledBackend
from celery.canvas import signature
from django.db import transaction

from . import configuration
from .calls import read_options
from .claim import Claim


def refuse_unkept(task: "Task[Any, Any]", result: Any) -> None:
    """Raise `EncodeError` for a result that the result backend would not take.

    Before the task's end commits: Celery finds it afterwards, and calls a task that is done failed.
    """
    if get_actual_ignore_result(task, task.request):
        return
    if not isinstance(task.backend, DisabledBackend):
        task.backend.encode(result)


def enqueue(task: "Task[Any, Any]", claim: Claim, result: Any) -> None:
    """Enqueue what follows a task, with its result as Celery would.

    Crash or rollback: neither the task has ended nor are its next steps enqueued. A next step that
    is a plain task is published after the commit, and lost with the process between the two.
    """
    if not claim.options:
        return
    options = read_options(claim.options)
    family = {"parent_id": str(claim.id), "root_id": options.get("root_id") or str(claim.id)}
    for link in options.get("link", ()):
        _enqueue(signature(link, app=task.app), result, family)
    if chain := options.get("chain"):
        *later, following = chain
        _enqueue(signature(following, app=task.app), result, {"chain": later or None, **family})


def _enqueue(step: Any, result: Any, options: dict[str, Any]) -> None:
    call = partial(step.apply_async, (result,), **options)
    if getattr(step.app.tasks.get(step.task), "durable", True):
        call()
    else:  # the broker is not touched while the row is locked, and nothing is sent for a rollback
        transaction.on_commit(call, using=configuration.database(), robust=True)
