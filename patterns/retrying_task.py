"""Draft."""

import random
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry


class PermanentError(Exception):
    """Trying again cannot help: the task fails at once."""


class TransientError(Exception):
    """Trying again may help: the task is retried."""


class RetryingTask(Task):
    """Base of a task that retries what may pass."""

    abstract = True
    max_retries = 100
    backoff_base_seconds = 2
    backoff_cap_seconds = 1800
    soft_time_limit = 300
    time_limit = 330

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body; retry a transient error."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        try:
            return self.run(*args, **kwargs)
        except (Retry, Ignore, Reject):
            raise
        except Exception as error:
            if not self.is_transient(error):
                raise
            raise self.retry(exc=error, countdown=self.backoff_seconds()) from error

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether trying again may help."""
        return isinstance(error, (TransientError, OSError)) and not isinstance(
            error, PermanentError
        )

    def backoff_seconds(self) -> float:
        """Return the wait before the next attempt: exponential, full jitter."""
        ceiling = min(self.backoff_cap_seconds, self.backoff_base_seconds * 2**self.request.retries)
        return random.uniform(0, ceiling)
