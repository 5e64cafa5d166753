"""What the worker's main process does about a task whose own process can do nothing any more."""

import logging
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from . import recovery

logger = logging.getLogger(__name__)


class DurableRequest(Request):
    """A request whose process may be killed: by its hard time limit, or by anything else.

    What is written here waits for three seconds at most; where that fails, the lease decides.
    """

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Fail the row of a task that was killed at its hard time limit."""
        if not soft and not state.should_terminate:
            self._record(recovery.timed_out, f"Hard time limit of {timeout} s exceeded.")
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the crash of a process that was lost."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        is_lost = isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt)
        if is_lost and not state.should_terminate:
            self._record(recovery.process_lost, str(error) or repr(error))
        elif isinstance(error, TimeLimitExceeded):
            self._record(recovery.timed_out, str(error))
        return super().on_failure(exc_info, *args, **kwargs)

    def _record(self, write: Any, error: str) -> None:
        publication = self.request_dict.get("durable_publication")
        if publication is None:
            return
        try:
            write(str(self.id), publication, getattr(self, "worker_pid", None), error)
        except Exception:
            logger.exception("%s[%s]: left to its lease.", self.name, self.id)
