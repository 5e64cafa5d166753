"""What the ledger refuses, told apart by `is_permanent` for the base task."""

from functools import partial
from typing import Any


class LedgerError(Exception):
    """The ledger does not let an effect be done, or be recorded."""

    is_permanent = True


class TransactionOpen(LedgerError):
    """An effect was begun in a transaction, which could roll back what the far side has done.

    It would also hold its rows and its snapshot for as long as the far side takes to answer.
    """


class NoTransactionOpen(LedgerError):
    """A result was to be recorded on its own: a crash behind it would lose what follows from it."""


class EffectInProgress(LedgerError):
    """Another run holds the lease: it may be asking the far side at this moment."""

    is_permanent = False

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        """Keep how long the lease lasts; a base task that asks for it waits as long."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled as what it is: what cannot be, Celery logs as its base, `LedgerError`."""
        return partial(type(self), retry_after_seconds=self.retry_after_seconds), self.args


class LeaseLost(LedgerError):
    """Another run took over, because this one outlasted its lease: what it did rolls back.

    Transient: the next attempt gets the other run's result.
    """

    is_permanent = False


class KeyTooOld(LedgerError):
    """The far side may have forgotten the key: a repeat could do the effect twice."""


class EffectNotRecorded(LedgerError):
    """A body ended well without a recorded result: the next run would do the effect again."""


class ResultDiffers(LedgerError):
    """Another result was recorded for the key than the one that was to be recorded."""


class NothingToResolve(LedgerError):
    """There is no effect of that key which a person could settle or forget."""
