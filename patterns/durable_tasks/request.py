"""What the worker's main process does about a task whose own process can do nothing any more."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined]  # not in stubs
from celery.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from . import fresh, recovery

logger = logging.getLogger(__name__)

# A database that did not answer in time is not asked again so soon: many may be lost at once.
REST_SECONDS = 10
_rests_until = [0.0]


class DurableRequest(Request):
    """A request whose process may be killed: by its hard time limit, or by anything else.

    What is written here waits for three seconds at most; where that fails, the lease decides.
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
            self._record(recovery.process_lost, str(error) or repr(error))
        return super().on_failure(exc_info, *args, **kwargs)

    def _record(self, write: Callable[..., None], error: str) -> None:
        publication = self.request_dict.get("durable_publication")
        if publication is not None and time.monotonic() > _rests_until[0]:
            pid = getattr(self, "worker_pid", None)
            _in_time(
                lambda: write(str(self.id), publication, pid, error), f"{self.name}[{self.id}]"
            )


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, WorkerLostError | Terminated | SystemExit | KeyboardInterrupt)


def _is_stopping() -> bool:
    """Tell whether the worker is being stopped, warm or cold: 0 is an exit code of these."""
    codes = (state.should_stop, state.should_terminate)
    return any(code is not None and code is not False for code in codes)


def _in_time(write: Callable[[], None], task: str) -> None:
    """Write in a thread: nothing else bounds a database that is frozen, and tasks wait here."""

    def attempt() -> None:
        try:
            write()
        except Exception:
            logger.exception("%s is left to its lease.", task)

    thread = threading.Thread(target=attempt, name="durable_tasks recovery", daemon=True)
    thread.start()
    thread.join(fresh.PATIENCE_SECONDS)
    if thread.is_alive():
        _rests_until[0] = time.monotonic() + REST_SECONDS
        logger.error("The database does not answer: %s is left to its lease.", task)
