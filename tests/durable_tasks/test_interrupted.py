"""A time limit that strikes in the worst place, and a durable message that cannot be a task."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from celery import signals
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from durable_shop import ends, tasks
from durable_shop.models import Note

from patterns.durable_tasks import fresh, lease, malformed
from patterns.durable_tasks.claim import Claim
from patterns.durable_tasks.completing import OnlyATransaction
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.run import Run
from patterns.durable_tasks.run_transaction import RunTransaction
from tests.durable_tasks.conftest import Start, notes
from tests.durable_tasks.test_lease import keeper
from tests.durable_tasks.test_settle import running
from tests.servers import eventually

__all__ = ["keeper"]  # a fixture


def test_a_block_that_was_interrupted_in_its_own_exit_poisons_no_later_task(
    database: None,
) -> None:
    block = transaction.atomic(durable=True)
    block.__enter__()
    try:
        raise SoftTimeLimitExceeded  # instead of the exit
    except SoftTimeLimitExceeded:
        connection.close()
    assert fresh.is_stuck()

    fresh.drop_own()

    assert not fresh.is_stuck()
    with transaction.atomic(durable=True):
        assert not TaskRow.objects.exists()


@pytest.mark.parametrize(
    "begin", [Run.completing, RunTransaction, lambda _: OnlyATransaction("late")]
)
def test_a_block_that_was_interrupted_as_it_began_rolls_back_no_later_task(
    begin: Callable[[Run], AbstractContextManager[Any]],
) -> None:
    """Its last reference is a traceback's, which the garbage collector finds some time later."""
    block = begin(run_of(is_atomic=False))
    block.__enter__()  # and the time limit strikes before its first line
    fresh.drop_own()
    with transaction.atomic(durable=True):
        tasks.write("first")
        del block
        gc.collect()
        tasks.write("second")
    assert notes() == ["first", "second"]


@pytest.mark.usefixtures("keeper")
def test_a_lease_that_was_interrupted_as_it_began_is_held_until_its_task_ends_and_no_longer() -> (
    None
):
    interrupted, later = running(), running()
    block = lease.Kept(interrupted, None)
    block.__enter__()
    signals.task_postrun.send(None, task_id=str(uuid4()))  # of one that it runs itself
    assert lease._keeper().current is interrupted
    signals.task_postrun.send(None, task_id=str(interrupted.id))
    assert lease._keeper().current is None
    with lease.Kept(later, None):
        del block
        gc.collect()
        assert lease._keeper().current is later


LATE = {
    "atomic": ends.late_in_statement,
    "a block of the body's own": ends.late_in_own_block,
    "no block": ends.late_in_no_block,
    "completing": ends.late_in_completing,
    "retried": ends.late_and_renamed,
    "hard limit": ends.killed_in_statement,
}


def test_a_time_limit_leaves_no_statement_at_work_and_no_lock(
    start_relay: Start, start_worker: Start
) -> None:
    tasks.write("locked")
    start_relay()
    worker = start_worker()
    for where, task in LATE.items():
        id = task.delay().id
        eventually(lambda id=id: TaskRow.objects.filter(pk=id, state__in=ENDED).exists())
        eventually(lambda: working() == 0)  # it would take two minutes
        with transaction.atomic():
            assert Note.objects.select_for_update(nowait=True).count() == 1, where
        reason = TaskRow.objects.get(pk=id).reason
        assert reason == ("" if where == "retried" else "time_limit"), worker.words
    tasks.write_note.delay("after it")
    eventually(lambda: "after it" in notes())


def test_a_statement_is_stopped_while_its_connection_is_open(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler takes no such wish from a client that has gone, and the statement works on."""
    are_closed: list[bool] = []

    def canceller() -> Callable[[], None]:
        raw: Any = connection.connection
        cancel = own()

        def noted() -> None:
            are_closed.append(raw.closed)
            cancel()

        return noted

    def body() -> None:
        raw: Any = connection.connection
        raw.pgconn.send_query(b"SELECT pg_sleep(120)")
        eventually(lambda: working() == 1)  # what has not begun cannot be stopped
        raise SoftTimeLimitExceeded

    own = fresh.canceller
    monkeypatch.setattr(fresh, "canceller", canceller)
    with pytest.raises(SoftTimeLimitExceeded):
        run_of(is_atomic=True).body(lambda: None, body)
    assert are_closed[0] is False
    eventually(lambda: working() == 0)


def run_of(is_atomic: bool) -> Run:
    """Return a run of no row, whose end is written nowhere."""
    task: Any = SimpleNamespace(atomic=is_atomic, durable=True, name="late", max_retries=None)
    task.attempt_fails = task.attempt_failed = lambda *_: None
    values = {"name": "late", "queue": "", "arguments": "", "options": ""}
    claim = Claim(id=uuid4(), token=uuid4(), retries=0, crashes=0, **values)
    return Run(task, claim, lambda *_: 1)


ENDED = (State.SCHEDULED, State.FAILED)


def working() -> int:
    """Return how many sessions still run the long statement."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
        " AND pid <> pg_backend_pid()"
    )
    return int(fresh.execute(asked, ["%pg_sleep(120)%"])[0][0])


def test_a_durable_message_that_cannot_be_a_task_fails_its_own_row(database: None) -> None:
    task_id, publication = tasks.write_note.delay("never").id, uuid4()
    TaskRow.objects.update(state=State.PUBLISHED, publication=publication)
    headers = {"id": task_id, "durable_publication": str(publication), "task": "shop.write_note"}
    message = message_of(headers)

    malformed.keep(message, "told to")

    row = TaskRow.objects.get()  # its own, and no second one
    assert (str(row.id), row.state, row.reason) == (task_id, State.FAILED, "malformed")
    assert (bytes(row.message or b""), row.error, row.publication) == (b"{", "told to", None)


def test_a_durable_message_of_an_old_token_does_not_touch_the_row(database: None) -> None:
    task_id = tasks.write_note.delay("waits").id
    TaskRow.objects.update(state=State.PUBLISHED, publication=uuid4())
    headers = {"id": task_id, "durable_publication": str(uuid4()), "task": "shop.write_note"}
    message = message_of(headers)

    malformed.keep(message, "told to")

    assert TaskRow.objects.get(pk=task_id).state == State.PUBLISHED


def message_of(headers: dict[str, str]) -> SimpleNamespace:
    return SimpleNamespace(
        headers=headers,
        body=b"{",
        delivery_info={},
        properties={},
        content_type="application/json",
        content_encoding="utf-8",
    )


@pytest.mark.parametrize("eta", ["0001-01-01T00:00:00+05:00", datetime.max.replace(tzinfo=UTC)])
def test_a_year_that_cannot_be_read_back_is_refused_at_the_call(eta: object) -> None:
    with pytest.raises(ValueError, match="is not between 1970 and 9000"):
        tasks.write_note.apply_async(["never"], eta=eta)
