"""A plain Celery task that ends badly is a failed row too, as far as Celery tells.

Celery's signals say it, in the process that ran the task or in the worker's main one, for the tasks
of every app in the process. Recording takes four seconds at most, ends no worker, and falls back
to the log. What Celery does not tell: a plain task whose worker was killed or whose broker was
lost; one that ends in `Ignore`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import signals
from celery.app.task import Context
from celery.exceptions import TimeLimitExceeded

from . import fresh
from .error_text import words
from .marks import PUBLICATION
from .patience import in_time
from .plain_errors import in_words, reason_of
from .plain_rows import Ended, keep

# A durable task's message that was revoked is published again, for ever, unless its row says so.
_CANCEL = """
UPDATE durable_tasks_task SET state = 4, reason = 'cancelled', error = %s, traceback = '',
    failed_at = now(), first_failed_at = coalesce(first_failed_at, now()), publication = NULL,
    claim = NULL, leased_until = NULL, unique_key = NULL
WHERE id = %s AND publication = %s AND state IN (2, 3)
"""
_CANCELLED = """
INSERT INTO durable_tasks_event (task_id, name, kind, at_worker, note)
SELECT id, name, 'cancelled', %s, error FROM durable_tasks_task WHERE id = %s
"""
REVOKED = "It was revoked by remote control. Celery does not say by whom."


# The request that the worker's main process is ending: Celery's signals do not always carry it.
_current: ContextVar[Any] = ContextVar("durable_tasks_request", default=None)
_recorded: list[str] = [""]  # the last one of this process: two signals may tell of one end


@contextmanager
def ending(request: Any) -> Iterator[None]:
    """Let the signals of the block know the request that they are about."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


@signals.task_failure.connect
def on_failure(
    sender: Any, task_id: str, exception: Any, args: Any, kwargs: Any, einfo: Any, **_: Any
) -> None:
    """Record a failed run of a plain task; in the child, or of a child that was lost."""
    request = _request(sender, task_id)
    if request is None and isinstance(exception, TimeLimitExceeded):
        return  # told twice; the other time with the request
    if _is_plain(request):
        error, trace = in_words(exception, einfo)
        reason = reason_of(sender, request, exception)
        told = {"request": request, "args": args, "kwargs": kwargs}
        ended = Ended(task=sender, task_id=task_id, reason=reason, error=error, trace=trace, **told)
        # Where it was not written, the other signal may still get it written.
        _recorded[0] = str(task_id) if keep(ended) else ""


@signals.task_internal_error.connect
def on_internal_error(
    sender: Any, task_id: str, exception: Any, args: Any, kwargs: Any, einfo: Any, **_: Any
) -> None:
    """Record what failed outside the body: a result backend that is away.

    Where the body had failed, this is all that Celery tells; the traceback has both.
    """
    request = _request(sender, task_id)
    if _is_plain(request) and _recorded[0] != str(task_id):
        error, trace = words(exception), str(getattr(einfo, "traceback", ""))
        told = {"request": request, "args": args, "kwargs": kwargs}
        keep(Ended(task=sender, task_id=task_id, reason="error", error=error, trace=trace, **told))


@signals.task_revoked.connect
def on_revoked(sender: Any, request: Any, expired: bool, **_: Any) -> None:
    """Record a plain task that expired or was revoked; cancel the row of a durable one."""
    known = _current.get()
    if publication := getattr(request, PUBLICATION, None):
        if not expired:
            label, otherwise = f"{sender.name}[{request.id}]", "was revoked, and is not cancelled"
            in_time(lambda: _cancel(request, publication), label, otherwise)
        return
    expires = getattr(request, "expires", None)
    keep(
        Ended(
            task=sender,
            task_id=request.id,
            request=request,
            args=None if known is None else known.args,
            kwargs=None if known is None else known.kwargs,
            reason="expired" if expired else "cancelled",
            error=f"It expired at {expires} before a worker started it." if expired else REVOKED,
        )
    )


def _cancel(request: Any, publication: str) -> None:
    with fresh.cursor() as cursor:
        cursor.execute(_CANCEL, [REVOKED, request.id, publication])
        if cursor.rowcount:
            cursor.execute(_CANCELLED, [str(request.hostname or ""), request.id])


def _request(task: Any, task_id: str) -> Any:
    """Return the request of a task that a signal is about; None where nobody has it."""
    for known in (task.request, _current.get()):
        if known is not None and str(known.id) == str(task_id):
            return known if isinstance(known, Context) else Context(known.request_dict)
    return None


def _is_plain(request: Any) -> bool:
    return request is None or not (request.get(PUBLICATION) or request.get("is_eager"))
