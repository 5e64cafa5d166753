"""The transaction that a run ends in: its last statement ends the task, its COMMIT both.

What a run enters are classes, no generators: a time limit may strike as a block begins or ends, and
its generator, left suspended, would be closed by the garbage collector amid a later task, whose
transaction it would roll back.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from . import configuration, fresh, raised, sessions
from .errors import CompletingMisused

if TYPE_CHECKING:
    from .run import Run

# A connection that a body has left alone for longer may have been closed by then.
IDLE_SECONDS = 5


class Completion:
    """What a completing block says about the end: `result` goes to the next step of a chain."""

    result: Any = None


class RunTransaction:
    """The block that commits with the end of the task, or not at all.

    It is named after the claim, so that somebody else can end it once the run's lease has ended.
    """

    def __init__(self, run: "Run") -> None:
        """Nothing is open yet."""
        self._run, self._completion = run, Completion()
        self._block = transaction.atomic(using=configuration.database(), durable=True)

    def __enter__(self) -> Completion:
        """Begin; what raises here leaves nothing open.

        Raises `CompletingMisused` where autocommit is off: Django leaves the COMMIT to the caller.
        """
        self._refuse_without_autocommit()
        self._drop_dead_connection()
        self._block.__enter__()
        try:
            self._name()
        except BaseException:
            self._block.__exit__(*sys.exc_info())
            raise
        return self._completion

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the task and commit; roll back where the block or the end has raised."""
        if error is not None:
            self._undo(error)
            return
        try:
            self._run.end(self._completion.result)
        except BaseException as own:
            self._undo(own)
            raise
        self._run.is_in_doubt = True  # until COMMIT has been answered
        self._block.__exit__(None, None, None)

    def _refuse_without_autocommit(self) -> None:
        connection = connections[configuration.database()]
        if not connection.in_atomic_block and not connection.get_autocommit():
            raise CompletingMisused(
                f"{self._run.task.name} ends with autocommit off, so nothing would be committed."
                " Call commit() and set_autocommit(True) before, or use transaction.atomic()."
            )

    def _drop_dead_connection(self) -> None:
        connection = connections[configuration.database()]
        is_fresh = time.monotonic() - self._run.claim.since < IDLE_SECONDS
        if connection.connection is None or connection.in_atomic_block or is_fresh:
            return
        if not connection.is_usable():
            connection.close()

    def _name(self) -> None:
        with connections[configuration.database()].cursor() as cursor:
            sessions.name(cursor, self._run.claim.token)
        self._run.cancel_statement = fresh.canceller()

    def _undo(self, error: BaseException) -> None:
        # Before Django closes the connection: a pooler forgets then whose statement it is.
        if raised.is_late(error):
            self._run.cancel_statement()
        self._block.__exit__(type(error), error, error.__traceback__)
