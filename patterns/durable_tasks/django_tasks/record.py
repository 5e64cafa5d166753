"""What is written of a Django task besides its row: its success, and each attempt that failed."""

import logging
from datetime import datetime
from typing import Any

from celery.exceptions import Retry
from django.db import connections, transaction
from django.utils import timezone
from kombu.utils.json import dumps

from .. import arguments, configuration
from ..error_text import stack
from ..run import Run
from . import results
from .framework import AnyResult, TaskResultStatus, task_finished
from .paths import CodeUnknown

logger = logging.getLogger(__name__)

# The rest is in the row, which is deleted by the next statement.
_SUCCEED = """
INSERT INTO durable_tasks_result (id, name, queue, options, arguments, enqueued_at, started_at,
    last_attempted_at, finished_at, expires_at, workers, return_value)
SELECT id, name, queue, options, arguments, enqueued_at, %s, started_at, clock_timestamp(),
    clock_timestamp() + make_interval(days => %s), %s, %s
FROM durable_tasks_task WHERE id = %s AND claim = %s RETURNING finished_at
"""
# Nothing where another run has the row by now.
_FAIL = """
INSERT INTO durable_tasks_attempt (task_id, started_at, worker, exception_class, traceback)
SELECT id, started_at, worker, %s, %s FROM durable_tasks_task
WHERE id = %s AND claim = %s AND state = 3 RETURNING 1
"""


def success(run: Run, result: AnyResult, value: Any) -> None:
    """Keep a result in the open transaction, which ends the task; tell of it after the commit.

    Raises ValueError for one that is too large. Rollback: nothing was kept, and nobody told.
    """
    days = results.backend_of(result).result_days
    finished_at = _kept(run, result, value, days) if days else None

    def tell() -> None:
        changes = {"finished_at": finished_at or timezone.now(), "_return_value": value}
        _tell(result, status=TaskResultStatus.SUCCESSFUL, **changes)

    transaction.on_commit(tell, using=configuration.database(), robust=True)


def attempt_fails(self: Any, run: Run, error: BaseException) -> None:
    """Keep why an attempt fails: before its end is written, so that nobody sees that one without.

    Crash between the two: it counts as two attempts. Where the database refuses, the row alone
    has the error.
    """
    cause = error.exc if isinstance(error, Retry) and error.exc else error
    if isinstance(cause, CodeUnknown) and run.decision is not None:  # it did not begin
        return
    kind = type(cause)
    told = [f"{kind.__module__}.{kind.__qualname__}", stack(cause), run.claim.id, run.claim.token]
    try:
        run.write(_FAIL, told)
    except Exception:
        logger.exception("%s[%s]: its error is in its row alone.", run.claim.name, run.claim.id)


def attempt_failed(self: Any, run: Run, error: BaseException) -> None:
    """Tell of a task that has failed. What goes wrong here is logged."""
    try:
        _tell(results.read(str(run.claim.id)), status=TaskResultStatus.FAILED)
    except Exception:
        logger.exception("%s[%s] has failed, and nobody was told.", run.claim.name, run.claim.id)


def _kept(run: Run, result: AnyResult, value: Any, days: int) -> datetime | None:
    workers = str(dumps(result.worker_ids))
    values = [result.started_at, days, workers, _encoded(run.claim.name, value)]
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_SUCCEED, [*values, run.claim.id, run.claim.token])
        kept = cursor.fetchone()
    return kept[0] if kept else None  # None: another run has the row, and this one rolls back


def _encoded(name: str, value: Any) -> str:
    text = str(arguments.KOMBUS.encode(value))
    if len(text) > (limit := configuration.max_argument_bytes()):
        raise ValueError(
            f"{name} returned {len(text):,} bytes, more than {limit:,}. Store it and return an id,"
            " or raise DURABLE_TASKS_MAX_ARGUMENT_BYTES."
        )
    return text


def _tell(result: AnyResult, **changes: Any) -> None:
    for name, value in changes.items():
        object.__setattr__(result, name, value)
    # What a receiver raises is logged by Django: the task's end is written, whatever they do.
    task_finished.send_robust(type(results.backend_of(result)), task_result=result)
