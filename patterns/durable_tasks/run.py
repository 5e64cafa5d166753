"""One run of a claimed task: the body, and the transaction that ends the task with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import Ignore, Retry
from django.db import connections, transaction

from . import configuration, fresh, lease, next_steps, raised, sessions, settle
from .claim import Claim
from .errors import CompletingMisused

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
        self.ignored: Ignore | None = None
        self.max_retries: int | None = task.max_retries
        self.is_completed = self.is_in_body = self.is_in_doubt = False
        # What the last retry() named; Celery adds to that what the message has. None: all counts.
        self.named: frozenset[str] | None = None
        # An ordinary task that is replayed by its row runs as it always does: in no transaction.
        self.is_atomic = task.atomic and task.durable
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
        with self._transaction():
            result = self._called(call)
            self._end(result)
        return result

    def _not_atomic(self, call: Callable[[], Any]) -> Any:
        # Now, and not when it is needed: of what an interrupted block has closed, nobody can tell.
        self.cancel_statement = fresh.canceller()
        result = self._called(call)
        if not self.is_completed:
            self._drop_dead_connection()
            with self._transaction():
                self._end(result)
        return result

    def _called(self, call: Callable[[], Any]) -> Any:
        result, self.is_in_body = None, True
        try:
            result = call()
        except Ignore as ignored:  # Celery's "leave it at that": what was done stays
            self.ignored = ignored
        self.is_in_body = False
        return result

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open the run's transaction, named so that somebody else can end it once its lease has."""
        alias = configuration.database()
        with transaction.atomic(using=alias, durable=True):
            with connections[alias].cursor() as cursor:
                sessions.name(cursor, self.claim.token)
            self.cancel_statement = fresh.canceller()
            try:
                yield
            except BaseException as error:
                # Before Django closes the connection: a pooler forgets then whose statement it is.
                if raised.is_late(error):
                    self.cancel_statement()
                raise
            self.is_in_doubt = True  # until COMMIT has been answered

    def _drop_dead_connection(self) -> None:
        connection = connections[configuration.database()]
        is_fresh = time.monotonic() - self.claim.since < IDLE_SECONDS
        if connection.connection is None or connection.in_atomic_block or is_fresh:
            return
        if not connection.is_usable():
            connection.close()

    def _end(self, result: Any) -> None:
        """Complete in the open transaction; undo it where the body decided to be retried."""
        if self.decision is not None:  # retry(throw=False), or a caught one: the next run does it
            when: Any = self.decision.due_at or self.decision.delay_seconds
            raise Retry(when=when)
        if self.ignored is None:
            next_steps.refuse_unkept(self.task, result)
            next_steps.enqueue(self.task, self.claim, result)
        # Last: the row's lock is held for the length of one statement.
        settle.complete(self.claim)
