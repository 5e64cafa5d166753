"""One attempt of a Django task in a worker: import it, call it, keep what it returned."""

import random
import time
from typing import Any

from celery.exceptions import Retry, SoftTimeLimitExceeded
from kombu.utils.json import dumps

from .. import configuration, settle
from ..errors import NotKept
from ..marks import RUN
from ..models import TaskRow
from ..row_options import read_options
from ..run import Run
from . import record, results
from .framework import AnyResult, TaskContext, normalize_json, task_backends, task_started
from .paths import CodeUnknown
from .rows import TOLD

# As often as a worker that does not know a Celery task puts it back.
CODE_PAUSE_SECONDS = 10
BACKOFF_CAP_SECONDS = 1800  # what is back is noticed within half an hour


def run(celery_task: Any) -> Any:
    """Run the Django task of the claimed row, and return what it returned.

    Crash: the row runs again. Where this worker has not its code, another one is waited for.
    """
    its_run: Run | None = celery_task.request.get(RUN)
    if its_run is None:
        raise NotKept(f"{celery_task.name} runs Django's tasks: enqueue() one of these instead.")
    row = TaskRow.objects.using(configuration.database()).get(pk=its_run.claim.id)
    try:
        result = results.of_row(row)
    except CodeUnknown as error:
        _wait_for_code(its_run, error)
        raise
    task_started.send(type(results.backend_of(result)), task_result=result)
    value = _attempt(celery_task, result)
    if its_run.is_atomic:
        record.success(its_run, result, value)
    else:
        with celery_task.completing():
            record.success(its_run, result, value)
    return value


def retry(self: Any, *args: Any, **kwargs: Any) -> Any:
    """As the base task's, by the backend's MAX_RETRIES where it has one.

    An attribute of a task whose base is known to Celery alone: hence no class, and this super().
    """
    its_run: Run | None = self.request.get(RUN)
    if its_run is not None and (limit := _max_retries(its_run)) is not None:
        its_run.max_retries = kwargs["max_retries"] = limit
    base: Any = super(type(self), self)
    return base.retry(*args, **kwargs)


def _attempt(celery_task: Any, result: AnyResult) -> Any:
    try:
        return _value(result)
    except SoftTimeLimitExceeded:  # what took too long once would hold its queue as long again
        raise
    except Exception as error:
        if results.backend_of(result).max_retries is None or getattr(error, "is_permanent", False):
            raise
        ceiling = min(BACKOFF_CAP_SECONDS, 2 ** min(celery_task.request.retries + 1, 40))
        wait = random.uniform(0, ceiling)  # noqa: S311  no secret: tasks shall not come back at once
        raise celery_task.retry(exc=error, countdown=wait) from error


def _value(result: AnyResult) -> Any:
    args: list[Any] = list(result.args)
    if result.task.takes_context:
        args.insert(0, TaskContext(task_result=result))
    return normalize_json(result.task.call(*args, **result.kwargs))


def _max_retries(its_run: Run) -> int | None:
    alias = read_options(its_run.claim.options)[TOLD]["backend"]
    backend: Any = task_backends[alias]
    limit: int | None = backend.max_retries
    return limit


def _wait_for_code(its_run: Run, error: CodeUnknown) -> None:
    """Put the row back for a worker that has the code, as for an unknown Celery task; return once
    that has been so for DURABLE_TASKS_UNKNOWN_TASK_SECONDS. No budget is spent."""
    options = read_options(its_run.claim.options)
    since = options[TOLD].setdefault("unknown_since", time.time())
    if time.time() - since > configuration.unknown_task_seconds():
        return
    its_run.decision = settle.Retry(
        delay_seconds=CODE_PAUSE_SECONDS,
        due_at=None,
        retries=its_run.claim.retries,
        arguments=None,
        shown=None,
        queue=None,
        rank=None,
        options=str(dumps(options)),
    )
    raise Retry(str(error), error, CODE_PAUSE_SECONDS) from error  # type: ignore[arg-type]  # Real
