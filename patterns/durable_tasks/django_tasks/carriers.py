"""The two Celery tasks that run Django's tasks: a row says which function, the worker imports it.

The retries, time limits and headers are those of the Celery app's base task.
"""

from typing import Any

from celery import shared_task

from .. import configuration
from . import record, running

_COMMON: dict[str, Any] = {
    "bind": True,
    # Declared, as each task's is; a Django task says its own.
    "queue": configuration.cleanup_queue(),
    "ignore_result": True,
    "typing": False,  # of the function, whose arguments are checked where it is enqueued
    "retry": running.retry,
    "attempt_fails": record.attempt_fails,
    "attempt_failed": record.attempt_failed,
}


@shared_task(name="durable_tasks.django_task", **_COMMON)
def atomic(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a Django task; what it changes in the database commits together with its end."""
    return running.run(self)


@shared_task(name="durable_tasks.django_task_outside", atomic=False, **_COMMON)
def outside(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a Django task that contacts the outside, in no transaction; its end is one of its own."""
    return running.run(self)
