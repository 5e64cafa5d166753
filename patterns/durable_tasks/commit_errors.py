"""An error of the COMMIT, after the body, is retried as the task would retry it in the body.

Celery's `autoretry_for`, and a base class that retries, wrap the body; the COMMIT comes after it.
What the database may get over (a lost connection, a serialization failure) is retried in any case:
no body could have caught it.
"""

from typing import Any

from celery.utils.time import get_exponential_backoff_interval
from django.db import InterfaceError, OperationalError


def retry(task: Any, error: Exception) -> None:
    """Call `task.retry()`, which raises, where the task's own rules would; else return."""
    is_transient = getattr(task, "is_transient", None)  # of a base class that tells
    if is_transient is not None and is_transient(error):
        task.retry(exc=error)
    unwanted = tuple(getattr(task, "dont_autoretry_for", ()))
    wanted = (*getattr(task, "autoretry_for", ()), OperationalError, InterfaceError)
    if isinstance(error, wanted) and not isinstance(error, unwanted):
        task.retry(exc=error, **_retry_options(task))


def _retry_options(task: Any) -> dict[str, Any]:
    """Return what Celery passes for an error of the body."""
    options = dict(getattr(task, "retry_kwargs", {}))
    if backoff := float(getattr(task, "retry_backoff", False)):
        options["countdown"] = get_exponential_backoff_interval(
            factor=int(max(1.0, backoff)),
            retries=task.request.retries,
            maximum=int(getattr(task, "retry_backoff_max", 600)),
            full_jitter=getattr(task, "retry_jitter", True),
        )
    return options
