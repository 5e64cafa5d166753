"""One run of a claimed task: the body, and the transaction that ends the task with it."""

from collections.abc import Callable
from typing import Any

from celery.exceptions import Ignore, Retry

from . import fresh, next_steps, raised, settle
from .claim import Claim
from .completing import Completing
from .run_transaction import RunTransaction


class Run:
    """A claimed task, from its body to the statement that ends it.

    `write` is how ends other than success are written: on a clean connection.
    """

    def __init__(self, task: Any, claim: Claim, write: settle.Write) -> None:
        """Nothing has happened yet."""
        self.task, self.claim, self.write = task, claim, write
        self.decision: settle.Retry | None = None
        self.ignored: Ignore | None = None
        self.max_retries: int | None = task.max_retries
        self.is_completed = self.is_in_body = self.is_in_doubt = False
        self.is_over = False  # what its task's handlers do comes after its end
        # What the last retry() named; Celery adds to that what the message has. None: all counts.
        self.named: frozenset[str] | None = None
        # An ordinary task that is replayed by its row runs as it always does: in no transaction.
        self.is_atomic = task.atomic and task.durable
        self.unpublished: next_steps.Unpublished = []
        self.cancel_statement: Callable[[], None] = lambda: None

    def body(self, told: Callable[[], None], call: Callable[[], Any]) -> Any:
        """Run the body and end the row. Returns and raises what Celery shall see.

        `told` gives Celery's request the row's arguments and retries, of which the message knows
        nothing: before BEGIN, which may fail, and whose retry keeps what the request has.
        """
        try:
            self._called(told)
            result = self._atomic(call) if self.is_atomic else self._not_atomic(call)
        except BaseException as error:
            return raised.settled(self, error)
        if self.ignored is not None:
            raise self.ignored
        return result

    def completing(self) -> Completing:
        """Return the block that ends the task before its body ends."""
        return Completing(self)

    def end(self, result: Any) -> None:
        """Complete in the open transaction; undo it where the body decided to be retried."""
        if self.decision is not None:  # retry(throw=False), or a caught one: the next run does it
            when: Any = self.decision.due_at or self.decision.delay_seconds
            raise Retry(when=when)
        unpublished: next_steps.Unpublished = []
        if self.ignored is None:
            next_steps.refuse_unkept(self.task, result)
            unpublished = next_steps.enqueue(self.task, self.claim, result)
        # Last: the row's lock is held for the length of one statement.
        settle.complete(self.claim)
        self.unpublished = unpublished  # not of an end that found another one's

    def _atomic(self, call: Callable[[], Any]) -> Any:
        with RunTransaction(self) as completion:
            completion.result = self._called(call)
        return completion.result

    def _not_atomic(self, call: Callable[[], Any]) -> Any:
        # Now, and not when it is needed: of what an interrupted block has closed, nobody can tell.
        self.cancel_statement = fresh.canceller()
        result = self._called(call)
        if not self.is_completed:
            with RunTransaction(self) as completion:
                completion.result = result
        return result

    def _called(self, call: Callable[[], Any]) -> Any:
        result, self.is_in_body = None, True
        try:
            result = call()
        except Ignore as ignored:  # Celery's "leave it at that": what was done stays
            self.ignored = ignored
        self.is_in_body = False
        return result
