"""One run of a row in this process, inside whatever transaction is open: what tests do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery import Celery
from celery._state import _task_stack  # type: ignore[attr-defined]  # not in the stubs
from celery.exceptions import Ignore, Retry
from django.db import connections
from psycopg.pq import TransactionStatus

from . import arguments, claim, configuration, settle
from .models import State, TaskRow
from .row_options import CARRIER, read_options
from .run import Run


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run: `outcome` is "completed", "retried", "failed" or "not started" (expired, paused)."""

    id: str
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    outcome: str
    result: Any = None
    error: BaseException | None = None


def run_row(row: TaskRow, app: Celery) -> Ran:
    """Claim, run and settle a row; raise AssertionError where nobody knows the task."""
    task: Any = app.tasks.get(read_options(row.options).get(CARRIER, row.name))
    if task is None:
        raise AssertionError(f"No task is named {row.name!r}: is its module imported?")
    args, kwargs = arguments.decode(row.arguments)
    publication = uuid4()
    published = {"state": State.PUBLISHED, "publication": publication}
    TaskRow.objects.using(configuration.database()).filter(pk=row.pk).update(**published)
    claimed = claim.claim(str(row.pk), str(publication), "test")
    known: dict[str, Any] = {"id": str(row.pk), "name": row.name, "args": args, "kwargs": kwargs}
    if claimed is None:
        return Ran(**known, outcome="not started")
    run = Run(task, claimed, _write(connections[configuration.database()].savepoint()))
    try:
        with _request(task, claimed, args, kwargs):
            result = task.run_claimed(run)
    except Retry as error:
        return Ran(**known, outcome="retried", error=error)
    except Ignore as error:
        return Ran(**known, outcome="completed", error=error)
    except Exception as error:
        return Ran(**known, outcome="failed" if _is_failed(row) else "retried", error=error)
    outcome = "completed" if run.decision is None else "retried"  # throw=False
    return Ran(**known, outcome=outcome, result=result)


def _is_failed(row: TaskRow) -> bool:
    rows = TaskRow.objects.using(configuration.database())
    return rows.filter(pk=row.pk, state=State.FAILED).exists()


@contextmanager
def _request(task: Any, claimed: claim.Claim, args: Any, kwargs: Any) -> Iterator[None]:
    """Give the task the request that it has in a worker."""
    _task_stack.push(task)
    task.push_request(
        id=str(claimed.id),
        root_id=str(claimed.id),
        args=args,
        kwargs=kwargs,
        retries=claimed.retries,
        hostname="test",
        called_directly=False,
        delivery_info={"exchange": "", "routing_key": claimed.queue},
    )
    try:
        yield
    finally:
        task.pop_request()
        _task_stack.pop()


def _write(savepoint: Any) -> settle.Write:
    """Return what writes an end; a body that has broken the test's transaction is undone first."""
    connection: Any = connections[configuration.database()]

    def write(statement: str, values: Sequence[Any]) -> int:
        status = connection.connection.info.transaction_status
        if connection.in_atomic_block and status == TransactionStatus.INERROR:
            connection.savepoint_rollback(savepoint)
            connection.needs_rollback = False
        return settle.write_here(statement, values)

    return write
