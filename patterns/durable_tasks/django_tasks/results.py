"""A task's result, as Django describes one: from its row, or from what is kept of its success."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import exceptions as celerys

from .. import arguments, configuration
from ..models import Event, FailedAttempt, Kind, Outcome, State, TaskRow
from ..row_options import read_options
from . import paths
from .framework import AnyResult, TaskError, TaskResult, TaskResultDoesNotExist, TaskResultStatus
from .rows import TOLD

# The last is also Celery's hard limit, which raises nothing in the task.
_RAISED = ("error", "retries", "time_limit")
# What ends a task without an exception of its own; of others (unpublishable, say) an Exception.
_ENDED_BY: Mapping[str, type[BaseException]] = {
    "crashes": celerys.WorkerLostError,
    "time_limit": celerys.TimeLimitExceeded,
    "expired": celerys.TaskRevokedError,
    "cancelled": celerys.TaskRevokedError,
    "unknown": celerys.NotRegistered,
}


def read(result_id: str) -> AnyResult:
    """Return a task's result; raise `TaskResultDoesNotExist`."""
    missing = TaskResultDoesNotExist(f"No Django task, or none whose result is kept: {result_id}")
    try:
        id = UUID(str(result_id))
    except ValueError:
        raise missing from None
    # The row first: it is deleted by the transaction that writes the outcome.
    row = _all(TaskRow).filter(pk=id).first()
    outcome = None if row else _all(Outcome).filter(pk=id).first()
    try:
        if row and TOLD in read_options(row.options):
            return of_row(row)
        if outcome:
            return _of_outcome(outcome)
    except paths.CodeUnknown as error:
        raise TaskResultDoesNotExist(str(error)) from error
    raise missing


def of_row(row: TaskRow) -> AnyResult:
    """Return the result of a task that has not succeeded; raise `CodeUnknown`."""
    has_history = row.retries or row.crashes or row.failures
    attempts = _attempts(row.pk) if has_history else []
    workers = _workers(row.pk, attempts) if has_history else []
    errors = _errors(attempts)
    is_noted = any(each.started_at == row.started_at for each in attempts)
    if row.state == State.RUNNING and not is_noted:
        workers.append(row.worker)
    if row.state >= State.FAILED and not (is_noted and row.reason in _RAISED):
        errors.append(_ended_without(row))
    return TaskResult(
        **_told(row),
        status=_status(row.state),
        enqueued_at=row.enqueued_at,
        started_at=min([each.started_at for each in attempts], default=row.started_at),
        last_attempted_at=row.started_at,
        finished_at=row.failed_at if row.state >= State.FAILED else None,
        errors=errors,
        worker_ids=workers,
    )


def backend_of(result: AnyResult) -> Any:
    """Return the backend that a task was enqueued on: a `DurableBackend`."""
    return result.task.get_backend()


def _of_outcome(outcome: Outcome) -> AnyResult:
    workers = json.loads(outcome.workers)
    result: AnyResult = TaskResult(
        **_told(outcome),
        status=TaskResultStatus.SUCCESSFUL,
        enqueued_at=outcome.enqueued_at,
        started_at=outcome.started_at,
        last_attempted_at=outcome.last_attempted_at,
        finished_at=outcome.finished_at,
        errors=_errors(_attempts(outcome.pk)) if len(workers) > 1 else [],
        worker_ids=workers,
    )
    object.__setattr__(result, "_return_value", json.loads(outcome.return_value))
    return result


def _told(of: TaskRow | Outcome) -> dict[str, Any]:
    told = read_options(of.options)[TOLD]
    args, kwargs = arguments.decode(of.arguments)
    task = paths.task_at(of.name, of.queue, told)
    return {
        "task": task,
        "id": str(of.pk),
        "args": args,
        "kwargs": kwargs,
        "backend": told["backend"],
    }


def _status(state: int) -> TaskResultStatus:
    if state == State.RUNNING:
        return TaskResultStatus.RUNNING
    return TaskResultStatus.FAILED if state >= State.FAILED else TaskResultStatus.READY


def _attempts(id: UUID) -> list[FailedAttempt]:
    return list(_all(FailedAttempt).filter(task_id=id).order_by("at", "id"))


def _workers(id: UUID, attempts: list[FailedAttempt]) -> list[str]:
    """Return who made the attempts that are over, in order: those that raised, and crashes."""
    crashes = _all(Event).filter(task_id=id, kind=Kind.CRASHED)
    made = [(each.at, each.worker) for each in attempts]
    made += [(each.at, each.at_worker) for each in crashes]
    return [worker for _, worker in sorted(made)]


def _errors(attempts: list[FailedAttempt]) -> list[TaskError]:
    return [
        TaskError(exception_class_path=each.exception_class, traceback=each.traceback)
        for each in attempts
    ]


def _ended_without(row: TaskRow) -> TaskError:
    """Return why a task failed that did not raise: it crashed, expired, was cancelled..."""
    kind = _ENDED_BY.get(row.reason, Exception)
    path = f"{kind.__module__}.{kind.__qualname__}"
    return TaskError(exception_class_path=path, traceback=row.traceback or row.error or row.reason)


def _all(model: Any) -> Any:
    return model.objects.using(configuration.database())
