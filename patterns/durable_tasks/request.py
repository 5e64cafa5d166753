"""What the worker's main process does about a task whose own process can do nothing any more."""

from collections.abc import Callable
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]  # not in stubs
from celery.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from . import plain, recovery
from .error_text import words
from .errors import TaskEnded
from .marks import PUBLICATION
from .patience import in_time

LEFT = "is left to its lease"


class DurableRequest(Request):
    """A request whose process may be killed: by its hard time limit, or by anything else.

    What is written here waits for four seconds at most; where that fails, the lease decides.
    """

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the crash of a lost process; fail the row of one that is about to be killed.

        Not at a shutdown: what its processes were running is put back when they have ended.
        """
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, TimeLimitExceeded):
            self._record(recovery.timed_out, str(error))
        elif _is_lost(error) and not _is_stopping():
            # Of a child that exits its status is told, of one that was killed a sentence.
            told = words(error) if isinstance(error, SystemExit) else str(error) or repr(error)
            self._record(recovery.process_lost, told)
        elif isinstance(error, MemoryError):  # of a plain task: Celery would end the whole worker
            exc_info.exception = TaskEnded(words(error))
        with plain.ending(self):
            return super().on_failure(exc_info, *args, **kwargs)

    def revoked(self) -> Any:
        """As Celery's; an expired or revoked message is recorded, arguments and all."""
        with plain.ending(self):
            return super().revoked()

    def terminate(self, *args: Any, **kwargs: Any) -> Any:
        """As Celery's; recorded too."""
        with plain.ending(self):
            return super().terminate(*args, **kwargs)

    def _record(self, write: Callable[..., None], error: str) -> None:
        publication = self.request_dict.get(PUBLICATION)
        if publication is not None:
            pid = getattr(self, "worker_pid", None)
            task = f"{self.name}[{self.id}]"
            told = f"{error} (worker {self.hostname})"
            in_time(lambda: write(str(self.id), publication, pid, told), task, LEFT)


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, WorkerLostError | Terminated | SystemExit | KeyboardInterrupt)


def _is_stopping() -> bool:
    """Tell whether the worker is being stopped, warm or cold: 0 is an exit code of these."""
    codes = (state.should_stop, state.should_terminate)
    return any(code is not None and code is not False for code in codes)
