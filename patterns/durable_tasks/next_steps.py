"""The next steps of a chain, and links: enqueued in the transaction that ends the step before."""

from typing import Any

from celery import Task
from celery.canvas import signature

from .calls import read_options
from .claim import Claim


def enqueue(task: "Task[Any, Any]", claim: Claim, result: Any) -> None:
    """Enqueue what follows a task, with its result as Celery would.

    Crash or rollback: neither the task has ended nor are its next steps enqueued.
    """
    if not claim.options:
        return
    options = read_options(claim.options)
    family = {"parent_id": str(claim.id), "root_id": options.get("root_id") or str(claim.id)}
    for link in options.get("link", ()):
        signature(link, app=task.app).apply_async((result,), **family)
    if chain := options.get("chain"):
        *later, following = chain
        step = signature(following, app=task.app)
        step.apply_async((result,), chain=later or None, **family)
