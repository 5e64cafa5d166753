"""One run of a claimed task: the body, and how it ends."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
from django.db import connections, transaction

from . import commit_errors, configuration, fresh, lease, next_steps, sessions, settle
from .claim import Claim
from .errors import ClaimLost, CompletingMisused, TaskEnded

logger = logging.getLogger(__name__)

# A connection that a body has left alone for longer may have been closed by then.
IDLE_SECONDS = 5


class Completion:
    """What a completing block says about the end: `result` goes to the next step of a chain."""

    result: Any = None


class Run:
    """A claimed task, from its body to the statement that ends it.

    `write` is how ends other than success are written: on a clean connection.
    """

    def __init__(self, task: Any, claim: Claim, write: settle.Write) -> None:
        """Nothing has happened yet."""
        self.task, self.claim, self.write = task, claim, write
        self.decision: settle.Retry | None = None
        self.max_retries: int | None = task.max_retries
        self.is_completed = self.is_in_body = self.is_in_doubt = False
        # An ordinary task that is replayed by its row runs as it always does: in no transaction.
        self.is_atomic = task.atomic and task.durable
        self._cancel_statement: Callable[[], None] = lambda: None

    def body(self, call: Callable[[], Any]) -> Any:
        """Run the body and end the row. Returns and raises what Celery shall see."""
        try:
            return self._atomic(call) if self.is_atomic else self._not_atomic(call)
        except BaseException as error:
            return self._ended_by(error)

    @contextmanager
    def completing(self) -> Iterator[Completion]:
        """Commit what the block changes together with the end of the task, or nothing of it."""
        if misuse := self._misuse():
            raise CompletingMisused(f"{self.task.name} {misuse}")
        self._drop_dead_connection()
        completion = Completion()
        with self._transaction():
            yield completion
            self._end(completion.result)
        self.is_completed = True
        lease.let_go()  # there is no row to renew, for which the watchdog would end this process

    def _misuse(self) -> str:
        if self.is_atomic:
            return (
                "is atomic: it completes with its body."
                " For a task that contacts the outside set atomic=False."
            )
        if self.is_completed:
            return "has completed already in this run."
        blocks = connections[configuration.database()].atomic_blocks
        if blocks and not getattr(blocks[-1], "_from_testcase", False):
            return "completes in an open transaction, which could undo it. Leave that one first."
        return ""

    def _atomic(self, call: Callable[[], Any]) -> Any:
        ignored = None
        with self._transaction():
            try:
                result = self._called(call)
            except Ignore as error:  # Celery's "leave it at that": what was done stays
                result, ignored, self.is_in_body = None, error, False
            self._end(result, is_ignored=ignored is not None)
        if ignored is not None:
            raise ignored
        return result

    def _not_atomic(self, call: Callable[[], Any]) -> Any:
        ignored, result = None, None
        # Now, and not when it is needed: of what an interrupted block has closed, nobody can tell.
        self._cancel_statement = fresh.canceller()
        try:
            result = self._called(call)
        except Ignore as error:
            ignored, self.is_in_body = error, False
        if not self.is_completed:
            self._drop_dead_connection()
            with self._transaction():
                self._end(result, is_ignored=ignored is not None)
        if ignored is not None:
            raise ignored
        return result

    def _called(self, call: Callable[[], Any]) -> Any:
        self.is_in_body = True
        result = call()
        self.is_in_body = False
        return result

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open the run's transaction, named so that somebody else can end it once its lease has."""
        alias = configuration.database()
        with transaction.atomic(using=alias, durable=True):
            with connections[alias].cursor() as cursor:
                sessions.name(cursor, self.claim.token)
            self._cancel_statement = fresh.canceller()
            try:
                yield
            except BaseException as error:
                # Before Django closes the connection: a pooler forgets then whose statement it is.
                if _is_late(error):
                    self._cancel_statement()
                raise
            self.is_in_doubt = True  # until COMMIT has been answered

    def _drop_dead_connection(self) -> None:
        connection = connections[configuration.database()]
        is_fresh = time.monotonic() - self.claim.since < IDLE_SECONDS
        if connection.connection is None or connection.in_atomic_block or is_fresh:
            return
        if not connection.is_usable():
            connection.close()

    def _end(self, result: Any, *, is_ignored: bool = False) -> None:
        """Complete in the open transaction; undo it where the body decided to be retried."""
        if self.decision is not None:  # retry(throw=False), or a caught one: the next run does it
            when: Any = self.decision.due_at or self.decision.delay_seconds
            raise Retry(when=when)
        if not is_ignored:
            next_steps.refuse_unkept(self.task, result)
            next_steps.enqueue(self.task, self.claim, result)
        # Last: the row's lock is held for the length of one statement.
        settle.complete(self.claim)

    def _ended_by(self, error: BaseException) -> Any:
        try:
            if _is_late(error):
                self._cancel_statement()
            return self._settled(error)
        except SoftTimeLimitExceeded as late:
            if isinstance(error, SoftTimeLimitExceeded):
                raise
            # It struck while another end was being written, and strikes once a run.
            logger.info("%s: %s after the body.", self.claim.name, settle.words(late))
            return self._settled(error)

    def _settled(self, error: BaseException) -> Any:
        if _is_shutdown():
            return self._shut_down(error)
        if self.is_completed:
            return self._after_completion(error)
        if isinstance(error, ClaimLost):
            return self._not_ours(error)
        error = self._retried(error)
        self.task.attempt_fails(self, error)
        if self.decision is not None:
            is_ours = settle.retry(self.claim, self.decision, _reason_of(error), self.write)
        else:
            is_ours = settle.fail(self.claim, self._reason(error), error, self.write)
        if not is_ours:
            return self._not_ours(error)
        if self.decision is None:
            self.task.attempt_failed(self, error)
        raise _for_celery(error) from error

    def _shut_down(self, error: BaseException) -> None:
        """Leave the row to the worker's main process: it knows whether this is a shutdown.

        Where there is no such process (solo), put it back here. No budget is spent.
        """
        if terminate_handler_fired():
            raise error if isinstance(error, SystemExit) else SystemExit(1) from error
        settle.put_back(self.claim, self.write)
        # The one thing that a solo pool lets through; anything else it takes for a result.
        raise WorkerTerminate(1) from error

    def _retried(self, error: BaseException) -> BaseException:
        """Let the task's own rules for retries see an error that came after the body."""
        if self.is_in_body or self.decision is not None or not isinstance(error, Exception):
            return error
        try:
            commit_errors.retry(self.task, error)
        except Exception as retry:  # what it raises: Retry, or the error once there were too many
            return retry
        return error

    def _after_completion(self, error: BaseException) -> None:
        """A body that goes on after its end: nothing can be retried, so it is said in the log."""
        logger.error(
            "%s[%s] had completed when it raised; what came after is lost.",
            *(self.claim.name, self.claim.id),
            exc_info=error,
        )

    def _not_ours(self, error: BaseException) -> None:
        """No row of this run: an unanswered COMMIT had committed, or another run has taken over."""
        if self.is_in_doubt and settle.has_completed(self.claim, self.write):
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
        is_last = self.max_retries is not None and self.claim.retries >= self.max_retries > 0
        is_exhausted = is_last and not getattr(error, "is_permanent", False)
        return "retries" if is_exhausted or isinstance(error, MaxRetriesExceededError) else "error"


def _is_shutdown() -> bool:
    """Tell whether this process is being ended from outside.

    Not from the error: a body may call `sys.exit(-1)`, or turn the pool's SystemExit into its own.
    In a solo pool there is one process, and Celery raises in it.
    """
    return terminate_handler_fired() or bool(state.should_terminate)


def _is_late(error: BaseException | None) -> bool:
    """Tell whether a time limit struck, also where the body has made another error of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, SoftTimeLimitExceeded):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _reason_of(error: BaseException) -> str:
    """Return why it is retried."""
    cause = error.exc if isinstance(error, Retry) and error.exc else error
    return settle.words(cause) if isinstance(cause, BaseException) else str(cause)


def _for_celery(error: BaseException) -> BaseException:
    """Return what Celery survives: these would end its process, or the whole worker."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError | Reject):
        return error
    return TaskEnded(settle.words(error))
