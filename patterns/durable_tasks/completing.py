"""The block in which a task that contacts the outside records its effect, and ends."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore
from django.db import connections, transaction

from . import configuration, lease
from .errors import CompletingMisused
from .run_transaction import Completion, RunTransaction

if TYPE_CHECKING:
    from .run import Run


class Completing:
    """Commit what the block changes together with the end of the task, or nothing of it."""

    def __init__(self, run: "Run") -> None:
        """Nothing is open yet."""
        self._run, self._transaction = run, RunTransaction(run)

    def __enter__(self) -> Completion:
        """Begin; raise `CompletingMisused` where the task cannot end here."""
        if misuse := _misuse(self._run):
            raise CompletingMisused(f"{self._run.task.name} {misuse}")
        return self._transaction.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or roll back what has raised; after an `Ignore` what was done stays."""
        run = self._run
        run.ignored = error if isinstance(error, Ignore) else None
        try:
            self._transaction.__exit__(kind, None if run.ignored is error else error, traceback)
        finally:
            run.ignored = None  # it goes on to the body, which may catch it
        if error is None or isinstance(error, Ignore):
            run.is_completed = True
            lease.let_go()  # there is no row to renew: the watchdog would end this process


class OnlyATransaction:
    """`completing()` of a body that was called directly."""

    def __init__(self, name: str) -> None:
        """Nothing is open yet. Raises `CompletingMisused` in a thread of a body that has a row."""
        if lease.is_of_another_thread(name):  # Celery's request is the other one's
            raise CompletingMisused(
                f"{name} completes in a thread of its own, where its row cannot end with it."
                " Leave the thread first, and complete in the body's own."
            )
        self._block = transaction.atomic(using=configuration.database())

    def __enter__(self) -> Completion:
        """Begin."""
        self._block.__enter__()
        return Completion()

    def __exit__(self, *raised: Any) -> None:
        """Commit, or roll back what has raised."""
        self._block.__exit__(*raised)


def _misuse(run: "Run") -> str:
    if run.is_atomic:
        return (
            "is atomic: it completes with its body."
            " For a task that contacts the outside set atomic=False."
        )
    if run.is_completed:
        return "has completed already in this run."
    blocks = connections[configuration.database()].atomic_blocks
    if blocks and not getattr(blocks[-1], "_from_testcase", False):
        return "completes in an open transaction, which could undo it. Leave that one first."
    return ""
