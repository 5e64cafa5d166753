"""How a run ends: what is committed, what is kept as failed, and what the worker survives."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Ignore
from django.db import transaction
from durable_shop import ends, tasks
from durable_shop.celery import app

from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.lost_runs import run_as_a_worker
from tests.servers import eventually


def failures() -> dict[str, TaskRow]:
    """Wait until nothing but failures is left; return them by first argument."""
    eventually(lambda: not TaskRow.objects.exclude(state=4).exists())
    return {row.arguments: row for row in TaskRow.objects.all()}


def test_whatever_a_body_raises_is_a_failed_row_and_the_process_lives_on(
    start_relay: Start, start_worker: Start
) -> None:
    worker = start_worker()
    start_relay()
    ends.pid.delay()
    eventually(notes)
    for how in ends.ENDS:
        ends.atomic.delay(how)
    rows = failures()
    assert len(rows) == len(ends.ENDS)
    assert {row.reason for row in rows.values()} == {"error", "time_limit"}
    assert all(row.crashes == 0 and row.traceback for row in rows.values())
    errors = " ".join(row.error for row in rows.values())
    for word in ("MemoryError: told to", "SystemExit: 3", "SystemExit: -241", "KeyboardInterrupt"):
        assert word in errors
    assert "RecursionError" in errors
    assert "Text" in errors
    ends.pid.delay()
    eventually(lambda: len(notes()) == 2)
    # Rolled back, and the same process as before.
    assert len(set(notes())) == 1, worker.words


def test_an_error_in_commit_is_read_back_never_lost_and_never_doubled(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    worker = start_worker()
    start_relay()
    ends.at_commit.delay("soft limit")
    ends.at_commit.delay("killed after")
    ends.at_commit.delay("hook")
    eventually(all_done)
    assert sorted(notes()) == ["hook 0", "killed after 0", "soft limit 0"]
    # Celery's signals and events tell of successes, for that is what they are.
    eventually(lambda: worker.words.count("succeeded in") == 3)
    assert worker.words.count("had committed") == 3


def test_a_commit_that_did_not_happen_is_retried_by_the_tasks_own_rules(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    ends.at_commit.delay("killed before")
    eventually(all_done)
    assert notes() == ["killed before 1"]


def test_a_session_that_is_lost_before_the_transaction_begins_costs_no_argument_and_one_retry(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    ends.cut_off.delay("kept")
    ends.cut_off_for_good.delay("kept as well")
    eventually(lambda: notes() == ["kept 2"])
    (row,) = failures().values()
    assert (row.arguments, row.reason, row.retries) == ('[["kept as well"], {}]', "retries", 2)


def test_completing_caught_in_doubt_has_completed(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    worker = start_worker()
    start_relay()
    for how in ("soft limit", "killed after", "hook"):
        ends.completing_at_commit.delay(how)
    eventually(all_done)
    expected = ["soft limit", "killed after", "hook"]
    assert sorted(notes()) == sorted([*expected, *(f"after {each}" for each in expected)])
    assert len(outside.read_text().splitlines()) == 3, worker.words
    assert worker.words.count("had committed") == 3


def test_completing_misused_says_what_to_do(start_relay: Start, start_worker: Start) -> None:
    start_worker()
    start_relay()
    ends.misused.delay("open")
    ends.misused_atomic.delay()
    ends.misused.delay("twice")
    eventually(lambda: TaskRow.objects.filter(state=4).count() == 2)
    eventually(lambda: notes() == ["twice"])  # it had completed when it raised
    errors = " ".join(TaskRow.objects.values_list("error", flat=True))
    assert "Leave that one first" in errors
    assert "set atomic=False" in errors
    assert not TaskRow.objects.exclude(state=4).exists()


@pytest.fixture
def without_autocommit() -> Iterator[Any]:
    @app.task(name="run.without_autocommit", atomic=False, bind=True, shared=False)
    def task(self: Any, completes: bool) -> None:
        transaction.set_autocommit(False)
        tasks.write("never committed")
        if completes:
            with self.completing():
                tasks.write("neither")

    yield task
    app.tasks.unregister(task.name)


@pytest.mark.parametrize("completes", [True, False])
def test_a_body_that_has_left_autocommit_off_has_failed(
    without_autocommit: Any, completes: bool
) -> None:
    """Django's `atomic()` commits nothing then, and says nothing."""
    without_autocommit.delay(completes)
    run_as_a_worker(app, TaskRow.objects.get())
    row = TaskRow.objects.get()
    assert (row.state, row.exception, notes()) == (State.FAILED, "CompletingMisused", [])
    assert "Call commit() and set_autocommit(True) before" in row.error
    row.delete()
    tasks.write_note.delay("the next one")
    run_as_a_worker(app, TaskRow.objects.get())
    assert (notes(), TaskRow.objects.count()) == (["the next one"], 0)


@pytest.fixture
def ignored_in_completing() -> Iterator[Any]:
    @app.task(name="run.ignored_in_completing", atomic=False, bind=True, shared=False)
    def task(self: Any, is_caught: bool) -> None:
        with suppress(*[Ignore] * is_caught), self.completing():
            tasks.write("recorded")
            raise Ignore("nothing more to do")

    yield task
    app.tasks.unregister(task.name)


@pytest.mark.parametrize("is_caught", [True, False])
def test_what_a_completing_block_did_before_it_raised_ignore_stays(
    ignored_in_completing: Any, is_caught: bool
) -> None:
    """As in an atomic task; and no next step follows."""
    (ignored_in_completing.s(is_caught) | tasks.chained.s("never")).delay()
    run_as_a_worker(app, TaskRow.objects.get())
    assert (notes(), TaskRow.objects.count()) == (["recorded"], 0)


def test_a_retry_may_change_the_arguments(start_relay: Start, start_worker: Start) -> None:
    start_worker()
    start_relay()
    tasks.retry.delay("arguments")
    eventually(all_done)
    assert notes() == ["changed 1"]


def test_retries_run_out(start_relay: Start, start_worker: Start) -> None:
    start_worker()
    start_relay()
    tasks.autoretry.delay("x")
    row = eventually(lambda: TaskRow.objects.filter(state=4).first())
    assert (row.reason, row.retries, notes()) == ("retries", 2, [])
    assert row.error == "OSError: away"


def test_time_limits_fail_the_row(start_relay: Start, start_worker: Start) -> None:
    start_worker()
    start_relay()
    ends.hard_limit.delay()
    ends.soft_limit.delay()
    eventually(lambda: TaskRow.objects.filter(state=4, reason="time_limit").count() == 2)
    errors = sorted(TaskRow.objects.values_list("error", flat=True))
    assert errors[0].startswith("SoftTimeLimitExceeded")
    assert errors[1].startswith("TimeLimitExceeded")
    assert notes() == []
