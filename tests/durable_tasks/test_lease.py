"""The lease: renewed while a task runs, and never outlived by its process."""

import os
import signal
import time
from pathlib import Path

from django.db import connection
from durable_shop import ends

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.test_recovery import pid_of
from tests.servers import eventually

# A process that is held up for as long as its lease ends itself, as it should: on a machine that
# stalls, a shorter one would end those that a test means to live.
LEASE_SECONDS = 10
LEASE = {"DURABLE_TEST_LEASE": str(LEASE_SECONDS)}


def leased_until() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM leased_until - clock_timestamp()), leased_until"
            " FROM durable_tasks_task"
        )
        left, until = cursor.fetchone()
    assert (left or 0) > 0, "its lease has ended while it runs"
    return float(until.timestamp())


def test_a_long_task_keeps_its_lease(
    start_relay: Start, start_worker: Start, tmp_path: Path, outside: Path
) -> None:
    start_relay(**LEASE)
    start_worker(**LEASE)
    start_worker(**LEASE)
    ends.slow_outside.delay("long", str(tmp_path / "go"))
    pid_of(tmp_path / "go")
    first = leased_until()
    eventually(lambda: leased_until() > first + LEASE_SECONDS)  # so the first one is over
    (tmp_path / "go").touch()
    eventually(lambda: notes() == ["long"] and all_done())
    assert len(outside.read_text().splitlines()) == 1


def test_a_body_that_holds_the_interpreter_ends_before_its_lease_with_a_traceback(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    start_relay(**LEASE)
    worker = start_worker(**LEASE)
    ends.holds_lock_in_c.delay(str(tmp_path / "held"))
    eventually(lambda: notes() == ["second run"] and all_done(), seconds=90)
    assert "Timeout (" in worker.words
    assert "in holds_lock_in_c" in worker.words


def test_a_frozen_process_woken_after_its_lease_changes_nothing(
    start_relay: Start, start_worker: Start, tmp_path: Path, outside: Path
) -> None:
    start_relay(**LEASE)
    frozen = start_worker(**LEASE)
    ends.slow_outside.delay("text", str(tmp_path / "go"))
    pid_of(tmp_path / "go")
    os.killpg(frozen.pid, signal.SIGSTOP)
    try:
        (tmp_path / "go").touch()
        start_worker(**LEASE)
        eventually(all_done, seconds=90)
    finally:
        os.killpg(frozen.pid, signal.SIGCONT)
    eventually(lambda: "Timeout (" in frozen.words or "taken over" in frozen.words)
    assert notes() == ["text"]
    assert len(outside.read_text().splitlines()) == 2
    assert not TaskRow.objects.exists()


def test_the_watchdog_left_armed_by_a_task_ends_no_process_that_has_no_lease(
    start_relay: Start, start_worker: Start
) -> None:
    short = {"DURABLE_TEST_LEASE": "5"}
    start_relay(**short)
    worker = start_worker(**short)
    ends.pid.delay()
    eventually(lambda: len(notes()) == 1)
    ends.plain_in_c.delay(6)  # at once: nothing else has disarmed it by then
    eventually(lambda: len(notes()) == 2)
    ends.pid.delay()
    eventually(lambda: len(notes()) == 3 and all_done())
    time.sleep(6)  # idle for more than a lease
    ends.pid.delay()
    eventually(lambda: len(notes()) == 4 and all_done())
    assert len(set(notes())) == 1, worker.words


def test_a_body_that_goes_on_after_it_has_completed_is_not_ended(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    start_relay(**LEASE)
    worker = start_worker(**LEASE)
    ends.goes_on.delay(str(tmp_path / "go"))
    eventually(lambda: notes() == ["completed"] and all_done())
    time.sleep(LEASE_SECONDS)  # its watchdog would have acted
    (tmp_path / "go").touch()
    eventually(lambda: len(notes()) == 2)
    assert "Timeout (" not in worker.words
    assert "taken over" not in worker.words
