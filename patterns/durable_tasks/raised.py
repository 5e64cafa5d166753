"""How a run ends that has raised: retried, failed, put back, or no longer its own to end."""

import logging
from typing import TYPE_CHECKING, Any

from billiard.common import terminate_handler_fired  # type: ignore[attr-defined]  # not in stubs
from celery.exceptions import (
    Ignore,
    MaxRetriesExceededError,
    Reject,
    Retry,
    SoftTimeLimitExceeded,
    WorkerTerminate,
)
from celery.worker import state

from . import commit_errors, next_steps, settle
from .error_text import words
from .errors import ClaimLost, TaskEnded

if TYPE_CHECKING:
    from .run import Run

logger = logging.getLogger(__name__)


def settled(run: "Run", error: BaseException) -> Any:
    """Write the end of a run that raised `error`; return and raise what Celery shall see.

    Nothing is written where another run has the row by now, or where the COMMIT had taken hold.
    """
    try:
        if is_late(error):
            run.cancel_statement()
        return _settled(run, error)
    except SoftTimeLimitExceeded as late:
        if isinstance(error, SoftTimeLimitExceeded):
            raise
        # It struck while another end was being written, and strikes once a run.
        logger.info("%s: %s after the body.", run.claim.name, words(late))
        return _settled(run, error)


def is_late(error: BaseException | None) -> bool:
    """Tell whether a time limit struck, also where the body has made another error of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, SoftTimeLimitExceeded):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _settled(run: "Run", error: BaseException) -> Any:
    if _is_shutdown():
        return _shut_down(run, error)
    if run.is_completed:
        return _after_completion(run, error)
    if isinstance(error, ClaimLost):
        return _not_ours(run, error)
    error = _retried(run, error)
    run.task.attempt_fails(run, error)
    if run.decision is not None:
        is_ours = settle.retry(run.claim, run.decision, _reason_of(error), run.write)
    else:
        is_ours = settle.fail(run.claim, _reason(run, error), error, run.write)
    if not is_ours:
        return _not_ours(run, error)
    if run.decision is None:
        run.task.attempt_failed(run, error)
    raise _for_celery(error) from error


def _shut_down(run: "Run", error: BaseException) -> None:
    """Leave the row to the worker's main process: it knows whether this is a shutdown.

    Where there is no such process (solo), put it back here. No budget is spent.
    """
    if terminate_handler_fired():
        raise error if isinstance(error, SystemExit) else SystemExit(1) from error
    settle.put_back(run.claim, run.write)
    # The one thing that a solo pool lets through; anything else it takes for a result.
    raise WorkerTerminate(1) from error


def _retried(run: "Run", error: BaseException) -> BaseException:
    """Let the task's own rules for retries see an error that came after the body."""
    if run.is_in_body or run.decision is not None or not isinstance(error, Exception):
        return error
    try:
        commit_errors.retry(run.task, error)
    except Exception as retry:  # what it raises: Retry, or the error once there were too many
        return retry
    return error


def _after_completion(run: "Run", error: BaseException) -> None:
    """A body that goes on after its end: nothing can be retried, so it is said in the log."""
    logger.error(
        "%s[%s] had completed when it raised; what came after is lost.",
        *(run.claim.name, run.claim.id),
        exc_info=error,
    )


def _not_ours(run: "Run", error: BaseException) -> None:
    """No row of this run: an unanswered COMMIT had committed, or another run has taken over."""
    if run.is_in_doubt and settle.has_completed(run.claim, run.write):
        logger.warning(
            "%s[%s] had committed; raised after that: %s",
            *(run.claim.name, run.claim.id, words(error)),
        )
        next_steps.publish(run.unpublished)  # Django has called nothing after such a COMMIT
        return
    lost = f"{run.claim.name}[{run.claim.id}] was taken over; dropped: {words(error)}"
    logger.error("%s", lost)
    raise Ignore(lost) from error


def _reason(run: "Run", error: BaseException) -> str:
    if isinstance(error, SoftTimeLimitExceeded):
        return "time_limit"
    is_last = run.max_retries is not None and run.claim.retries >= run.max_retries > 0
    is_exhausted = is_last and not getattr(error, "is_permanent", False)
    return "retries" if is_exhausted or isinstance(error, MaxRetriesExceededError) else "error"


def _is_shutdown() -> bool:
    """Tell whether this process is being ended from outside.

    Not from the error: a body may call `sys.exit(-1)`, or turn the pool's SystemExit into its own.
    In a solo pool there is one process, and Celery raises in it.
    """
    return terminate_handler_fired() or bool(state.should_terminate)


def _reason_of(error: BaseException) -> str:
    """Return why it is retried."""
    cause = error.exc if isinstance(error, Retry) and error.exc else error
    return words(cause) if isinstance(cause, BaseException) else str(cause)


def _for_celery(error: BaseException) -> BaseException:
    """Return what Celery survives: these would end its process, or the whole worker."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError | Reject):
        return error
    return TaskEnded(words(error))
