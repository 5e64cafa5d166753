"""Why a plain task failed: in words, with a traceback, and as a reason of the failed set."""

import sys
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]  # not in stubs
from celery.exceptions import (
    MaxRetriesExceededError,
    Reject,
    SoftTimeLimitExceeded,
    Terminated,
    TimeLimitExceeded,
    WorkerLostError,
)
from celery.utils.serialization import UnpickleableExceptionWrapper

from .error_text import words

REASONS = {
    SoftTimeLimitExceeded: "time_limit",
    TimeLimitExceeded: "time_limit",
    WorkerLostError: "crashes",
    Terminated: "crashes",
    MaxRetriesExceededError: "retries",
}


def in_words(exception: Any, einfo: Any) -> tuple[str, str]:
    """Return the error of a signal in words, and its traceback."""
    # Celery hands on what can be pickled: of an error that cannot, its base class.
    original = sys.exc_info()[1]
    if isinstance(original, Exception) and original.__traceback__ is exception.__traceback__:
        exception = original
    if isinstance(exception, ExceptionWithTraceback):
        exception = exception.exc
    cause = getattr(exception, "reason", None)
    if isinstance(exception, Reject) and isinstance(cause, BaseException):
        exception = cause
    trace = str(getattr(einfo, "traceback", "") or "")
    if isinstance(exception, UnpickleableExceptionWrapper):
        text = getattr(exception, "text", None) or exception.exc_args
        return f"{exception.exc_cls_name}: {text}", trace
    return words(exception), trace


def reason_of(task: Any, request: Any, exception: Any) -> str:
    """Return the reason: as a durable task's row would have it."""
    for kind, reason in REASONS.items():
        if isinstance(exception, kind):
            return reason
    limit, retries = getattr(task, "max_retries", None), getattr(request, "retries", None) or 0
    is_last = limit is not None and retries >= limit > 0
    return "retries" if is_last and not getattr(exception, "is_permanent", False) else "error"
