"""One run of a claimed task: the body, and how it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.db import transaction

from . import configuration, next_steps, settle
from .claim import Claim
from .errors import ClaimLost, CompletingMisused, TaskEnded

logger = logging.getLogger(__name__)


class Completion:
    """What a completing block says about the end: `result` goes to the next step of a chain."""

    result: Any = None


class Run:
    """A claimed task, from its body to the statement that ends it.

    `write` is how ends other than success are written: on a clean connection.
    """

    def __init__(self, task: "Task[Any, Any]", claim: Claim, write: settle.Write) -> None:
        """Nothing has happened yet."""
        self.task, self.claim, self.write = task, claim, write
        self.decision: settle.Retry | None = None
        self.is_completed = False

    def body(self, call: Callable[[], Any]) -> Any:
        """Run the body and end the row. Returns and raises what Celery shall see."""
        try:
            return self._atomic(call) if self.task.atomic else self._not_atomic(call)
        except BaseException as error:
            return self._ended_by(error)

    @contextmanager
    def completing(self) -> Iterator[Completion]:
        """Commit what the block changes together with the end of the task, or nothing of it."""
        if self.task.atomic:
            raise CompletingMisused(
                f"{self.task.name} is atomic: it completes with its body. For a task that contacts"
                " the outside set atomic=False."
            )
        if self.is_completed:
            raise CompletingMisused(f"{self.task.name} has completed already in this run.")
        completion = Completion()
        with self._transaction():
            yield completion
            self._end(completion.result)
        self.is_completed = True

    def _atomic(self, call: Callable[[], Any]) -> Any:
        ignored = None
        with self._transaction():
            try:
                result = call()
            except Ignore as error:  # Celery's "leave it at that": what was done stays
                result, ignored = None, error
            self._end(result)
        if ignored is not None:
            raise ignored
        return result

    def _not_atomic(self, call: Callable[[], Any]) -> Any:
        result = call()
        if not self.is_completed:
            with self._transaction():
                self._end(result)
        return result

    def _transaction(self) -> Any:
        return transaction.atomic(using=configuration.database(), durable=True)

    def _end(self, result: Any) -> None:
        """End the row in the open transaction: retried if that was decided, else completed."""
        if self.decision is not None:
            settle.retry_here(self.claim, self.decision, "")
            return
        next_steps.enqueue(self.task, self.claim, result)
        # Last: the row's lock is held for the length of one statement.
        settle.complete(self.claim)

    def _ended_by(self, error: BaseException) -> Any:
        if self.is_completed:
            return self._after_completion(error)
        if isinstance(error, ClaimLost):
            logger.error("%s", error)
            raise Ignore(str(error)) from error
        if _is_shutdown(error):
            settle.put_back(self.claim, self.write)
            raise error
        if self.decision is not None:
            is_ours = settle.retry(self.claim, self.decision, _reason_of(error), self.write)
        elif isinstance(error, Ignore):  # of a body that is not atomic
            is_ours = self.write(settle.DELETE, [self.claim.id, self.claim.token]) > 0
        else:
            is_ours = settle.fail(self.claim, self._reason(error), error, self.write)
        if not is_ours:
            return self._not_ours(error)
        raise _for_celery(error) from error

    def _after_completion(self, error: BaseException) -> None:
        """A body that goes on after its end: nothing can be retried, so it is said in the log."""
        if _is_shutdown(error):
            raise error
        logger.error(
            "%s[%s] had completed when it raised; what came after is lost.",
            *(self.claim.name, self.claim.id),
            exc_info=error,
        )

    def _not_ours(self, error: BaseException) -> None:
        """No row of this run: an unanswered COMMIT had committed, or another run has taken over."""
        if settle.has_completed(self.claim, self.write):
            logger.warning(
                "%s[%s] had committed; raised after that: %s",
                *(self.claim.name, self.claim.id, settle.words(error)),
            )
            return
        lost = f"{self.claim.name}[{self.claim.id}] was taken over; dropped: {settle.words(error)}"
        logger.error("%s", lost)
        raise Ignore(lost) from error

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, SoftTimeLimitExceeded):
            return "time_limit"
        is_last = self.task.max_retries is not None and (
            self.claim.retries >= self.task.max_retries > 0
        )
        is_exhausted = is_last and not getattr(error, "is_permanent", False)
        return "retries" if is_exhausted else "error"


def _is_shutdown(error: BaseException) -> bool:
    """Tell whether the worker is being stopped: no end of the task, and no budget is spent.

    The pool ends its processes with a negative code, Celery by subclasses of SystemExit; a body's
    own `sys.exit()` is neither.
    """
    if isinstance(error, SystemExit):
        is_celerys = type(error) is not SystemExit
        return is_celerys or (isinstance(error.code, int) and error.code < 0)
    return isinstance(error, KeyboardInterrupt)


def _reason_of(error: BaseException) -> str:
    """Return why it is retried."""
    cause = error.exc if isinstance(error, Retry) and error.exc else error
    return settle.words(cause) if isinstance(cause, BaseException) else str(cause)


def _for_celery(error: BaseException) -> BaseException:
    """Return what Celery survives: these would end its process, or the whole worker."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError | Reject):
        return error
    return TaskEnded(settle.words(error))
