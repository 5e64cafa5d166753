"""The backend that TASKS names: `enqueue()` is one INSERT in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.checks import CheckMessage
from django.utils import timezone

from .. import enqueue
from ..new_row import new_id
from . import carriers, checks, results, rows
from .framework import (
    AnyResult,
    AnyTask,
    BaseTaskBackend,
    TaskResult,
    TaskResultStatus,
    task_enqueued,
)

# A page that polls, a person who comes back after the weekend: long enough, and bounded.
RESULT_DAYS = 7


class DurableBackend(BaseTaskBackend):
    """Django's tasks as durable rows, which Celery's workers run.

    Crash: the task runs again, `max_crashes` times at most. Duplicate message: starts nothing.
    Rollback of the caller: it was never enqueued. OPTIONS, with defaults:

    - "ATOMIC": True. The task runs in a transaction that commits together with its end. False for
      tasks that contact the outside: no transaction is open, they may be attempted again.
    - "MAX_RETRIES": None, as the Celery app's base task retries. A number: so often, after any
      error that does not say `is_permanent = True`.
    - "RESULT_DAYS": 7. How long a success is found by `get_result()`; 0: results are not kept.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        """Read what TASKS says under an alias."""
        super().__init__(alias, dict(params))
        self.params = params
        self.is_atomic: bool = self.options.get("ATOMIC", True)
        self.max_retries: int | None = self.options.get("MAX_RETRIES")
        self.result_days: int = self.options.get("RESULT_DAYS", RESULT_DAYS)
        self.supports_get_result = self.result_days != 0

    @property
    def carrier(self) -> Any:
        """Return the Celery task that runs this backend's tasks."""
        return carriers.atomic if self.is_atomic else carriers.outside

    def enqueue(  # type: ignore[override]  # of any task
        self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> AnyResult:
        """Insert a task's row in the caller's transaction, else in its own.

        Raises `InvalidTask`, TypeError for arguments that are not JSON or that the function does
        not take, `ArgumentsRefused` for large ones, `QueueFull`, `OtherDatabase`, and what the
        database raises. The broker is not touched.
        """
        self.validate_task(task)
        result: AnyResult = TaskResult(
            task=task,
            id=str(new_id()),
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        enqueue.insert(rows.new_row(self, result))
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> AnyResult:
        """Return what is known of a task; raise `TaskResultDoesNotExist`.

        Of one that has not ended, or has failed, from its row; of one that has succeeded for
        RESULT_DAYS.
        """
        if not self.supports_get_result:
            return super().get_result(result_id)
        return results.read(result_id)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what is wrong with this entry of TASKS."""
        return list(checks.check(self))
