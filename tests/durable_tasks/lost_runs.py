"""Workers whose relay waits for nothing, and whose session with PostgreSQL a fault ends."""

from contextlib import nullcontext, suppress
from typing import Any
from uuid import uuid4

from celery import Celery
from django.db import connection

from patterns.durable_tasks import claim, settle
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.run import Run
from tests.lost_sessions import Fault

MOST_ROUNDS = 12  # what is not worked off by then goes round in circles


def work_off(app: Celery, fault: Fault) -> None:
    """Run what is there until nothing but failures is."""
    for _ in range(MOST_ROUNDS):
        rows = list(TaskRow.objects.exclude(state=State.FAILED))
        for row in rows:
            run_as_a_worker(app, row, fault)
        if not rows:
            return
    raise AssertionError(f"Not worked off: {list(TaskRow.objects.values())}")


def run_as_a_worker(app: Celery, row: TaskRow, fault: Fault | None = None) -> None:
    """Publish a row anew, whatever the last run has made of it, and run it as a worker does."""
    publication = uuid4()
    TaskRow.objects.filter(pk=row.pk).update(
        state=State.PUBLISHED, publication=publication, claim=None, leased_until=None
    )
    task: Any = app.tasks[row.name]
    # As the message has it: no arguments, no retries.
    task.push_request(id=str(row.pk), args=(), kwargs={}, retries=0, called_directly=False)
    try:
        armed = fault.armed() if fault else nullcontext()
        with armed, suppress(Exception):  # whatever it is, its row says it
            claimed = claim.claim(str(row.pk), str(publication), "test")
            if claimed is not None:
                task.run_claimed(Run(task, claimed, settle.write_fresh))
    finally:
        task.pop_request()
    connection.close_if_unusable_or_obsolete()  # as Celery does after each task
