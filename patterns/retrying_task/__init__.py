"""A base Task that retries what may pass, for about a day, and fails at once what cannot pass.

Why: Celery retries nothing by itself, and its `max_retries=3` is burnt out before a provider has
    restarted. Retrying everything hides bugs: a `KeyError` does not pass by waiting.
Guarantees: a transient error is retried with exponential backoff and full jitter until about a day
    has passed; then, and for any other error, the task fails with that error. A task whose process
    is killed runs `max_crashes` times at most (with late acknowledgment and
    `task_retry_on_worker_lost`). A retry that cannot be published leaves its message with the
    broker. A task without time limits is refused when it is defined. In a Django project system
    checks (`retrying_task.E001` and on) refuse a task that is not retried, or has no end, and a
    setting that Celery does not know.
Not for: effects that may not happen twice: a retried body runs again, whole. Pools without
    processes: they enforce no hard time limit.
Copy: this folder.
Needs: celery>=5.7. Optional: django>=5.2, for the checks; without it the rest runs too.
Settings, of the checks, with defaults:
    RETRYING_TASK_APPS = (): dotted paths of the Celery apps to check; (): the current one.
    RETRYING_TASK_EXEMPT = {}: why a task, or all tasks of an app, need not retry, by its name.
    RETRYING_TASK_CELERY_EXTRAS = (): names in Celery's configuration that other packages read.
    Of Celery's own: task_acks_late=True, task_retry_on_worker_lost=True and
    task_reject_on_worker_lost=False; a broker visibility timeout longer than
    `longest_absence_seconds()`.
Wiring:
    1. In celery.py, in the place of its app:
           app = Celery("shop", task_cls="<this package>:RetryingTask")
    2. In celery.py:
           app.conf.update(
               task_acks_late=True,
               task_retry_on_worker_lost=True,
               task_ignore_result=True,
               broker_transport_options={"visibility_timeout": 3600},
           )
    3. Keep running:
           celery -A shop worker -l INFO
    4. A subclass adds its libraries' errors to `transient_errors` and `permanent_errors`; an
       exception may carry `is_permanent: bool`, which is asked first, and `retry_after_seconds`, a
       wait of its own.
    5. In settings.py, where Django is, for the checks:
           INSTALLED_APPS += ["<this package>"]
Testing: `RetryingTask().is_transient(error)` tells what an error would do.
Version: 0.1.0
"""

import random
from typing import Any

from celery import Celery, Task
from celery.canvas import Signature
from celery.exceptions import Ignore, Reject, Retry
from kombu.exceptions import OperationalError

from . import answers, backoff
from .errors import PermanentError, TaskRefused, TransientError, end_unless_signalled

__all__ = ["PermanentError", "RetryingTask", "TaskRefused", "TransientError"]

CRASHES = "crashes"


class RetryingTask(Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """Base of a task that retries what may pass.

    Crash: the task runs again, `max_crashes` times at most in all. Duplicate: a message may be
    delivered twice, so a body checks what is done already. Rollback: knows no transactions.
    """

    abstract = True
    backoff_base_seconds: float = backoff.BASE_SECONDS
    backoff_cap_seconds: float = backoff.CAP_SECONDS
    max_retries = backoff.retries_lasting(
        backoff.RETRY_FOR_SECONDS,
        base_seconds=backoff.BASE_SECONDS,
        cap_seconds=backoff.CAP_SECONDS,
    )
    # A killed process may have been somebody's mistake once; thrice it is the task's own doing.
    max_crashes = 3
    # After a crash alone (a retry backs off): time for what ate the memory to be gone.
    default_retry_delay = 10
    # Soft: an exception in the body, which may tidy up. It is permanent, for what took too long
    # once would hold its queue as long again. Hard: the process is killed, half a minute later.
    soft_time_limit = 300
    time_limit = 330

    # Asked in this order, after `is_permanent` and an HTTP status; whatever is in neither is a bug
    # or bad data, and fails at once. OSError holds the network's errors and timeouts.
    permanent_errors: tuple[type[BaseException], ...] = (
        ValueError,
        FileNotFoundError,
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
    )
    transient_errors: tuple[type[BaseException], ...] = (OSError, EOFError, OperationalError)

    @classmethod
    def on_bound(cls, app: Celery) -> None:
        """Raise `TaskRefused` where a task has no time limits, or wants results nobody keeps."""
        if not (cls.soft_time_limit and cls.time_limit and cls.soft_time_limit < cls.time_limit):
            raise TaskRefused(
                f"Task {cls.name} has soft_time_limit={cls.soft_time_limit} and time_limit="
                f"{cls.time_limit} (seconds). Set both, the soft one below the hard one."
                " (retrying_task.E007)"  # as the check says, which this may come before
            )
        if cls.name.startswith("celery."):  # Celery's own chords, which need a backend to be used
            return
        if not cls.ignore_result and not app.conf.result_backend:
            raise TaskRefused(
                f"Task {cls.name} asks for its result, and there is no result backend."
                " Set result_backend, or task_ignore_result=True and no ignore_result=False here."
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body; retry a transient error."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        try:
            return self.run(*args, **kwargs)
        except (Retry, Ignore, Reject):
            raise
        except MemoryError as error:
            # Celery would stop the whole worker, hand the task to the next one, and so on.
            raise PermanentError(f"The task ran out of memory: {error}") from error
        except SystemExit as stop:
            end_unless_signalled(stop)
        except Exception as error:
            if not self.is_transient(error):
                raise
            raise self.retry(exc=error, countdown=self.wait_seconds(error)) from error

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether trying again may help."""
        is_permanent = getattr(error, "is_permanent", None)
        if isinstance(is_permanent, bool):
            return not is_permanent
        status = answers.http_status(error)
        if status is not None:
            return answers.is_transient(status)
        return isinstance(error, self.transient_errors) and not isinstance(
            error, self.permanent_errors
        )

    def wait_seconds(self, error: BaseException | None = None) -> float:
        """Return the wait before the next attempt: full jitter, or longer if the far side asks."""
        cap = self.backoff_cap_seconds
        ceiling = backoff.ceiling_seconds(
            self.request.retries, base_seconds=self.backoff_base_seconds, cap_seconds=cap
        )
        # Not a secret: it only keeps many tasks from coming back at the same moment.
        wait = random.uniform(0, ceiling)  # noqa: S311
        return min(cap, max(wait, answers.retry_after_seconds(error)))

    @classmethod
    def longest_absence_seconds(cls) -> float:
        """Return how long a message may stay unacknowledged: the longest wait and one run."""
        return cls.backoff_cap_seconds + (cls.time_limit or 0)

    def retry(self, *args: Any, **kwargs: Any) -> Any:
        """As Celery's, with our backoff where no countdown is named, and never losing the task.

        Crash, or a broker that is away: Celery would drop the message; here it stays
        unacknowledged, and the broker hands it out again after its visibility timeout.
        """
        if kwargs.get("countdown") is None and kwargs.get("eta") is None:
            kwargs["countdown"] = self.wait_seconds(kwargs.get("exc"))
        try:
            return super().retry(*args, **kwargs)
        except Reject as refused:
            reason = refused.args[0]
            if not isinstance(reason, (OperationalError, OSError)):
                raise
            raise Reject(reason, requeue=True) from refused

    def signature_from_request(self, request: Any = None, *args: Any, **kwargs: Any) -> Signature:
        """As Celery's; counts a crash in the message, and refuses the one too many.

        Outside a body (`called_directly`) Celery asks for this only after a process was lost.
        """
        signature: Signature = super().signature_from_request(request, *args, **kwargs)
        if request is not None and self.request.called_directly:
            headers = dict(request.headers or {})
            headers[CRASHES] = headers.get(CRASHES, 0) + 1
            if headers[CRASHES] >= self.max_crashes:
                raise PermanentError(f"It has crashed {headers[CRASHES]} processes.")
            signature.options["headers"] = headers
        return signature
