"""What becomes of a task whose process, worker or machine is gone."""

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

from durable_shop import ends, tasks
from durable_shop.celery import app

from patterns.durable_tasks import recovery
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.processes import process_name
from tests.durable_tasks.conftest import Process, Start, all_done, notes
from tests.servers import eventually

# No test waits for this one to end: what takes a task back is something else.
LONG_LEASE = {"DURABLE_TEST_LEASE": "600"}


def test_a_task_that_kills_its_process_fails_after_three_and_the_others_go_on(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    start_worker(**LONG_LEASE)
    start_relay()
    for who in ("process", "term"):
        ends.killed.delay(who)
    for number in range(5):
        tasks.write_note.delay(str(number))
    eventually(lambda: TaskRow.objects.filter(state=4, reason="crashes", crashes=3).count() == 2)
    eventually(lambda: len(notes()) == 5)
    assert sorted(outside.read_text().split()) == ["process"] * 3 + ["term"] * 3


def test_a_task_that_kills_its_worker_fails_after_three(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    start_relay(DURABLE_TEST_PUBLICATION_LEASE="2")
    ends.killed.delay("worker")
    for crashes in (1, 2, 3):
        worker = start_worker(name="same@test", **LONG_LEASE)
        worker.process.wait(60)
        assert len(outside.read_text().split()) == crashes
    start_worker(name="same@test", **LONG_LEASE)
    row = eventually(lambda: TaskRow.objects.filter(state=4).first())
    assert (row.reason, row.crashes) == ("crashes", 3)
    tasks.write_note.delay("goes on")
    eventually(lambda: notes() == ["goes on"])
    assert len(outside.read_text().split()) == 3


def test_a_dead_machines_task_runs_elsewhere_when_its_lease_ends(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    start_relay(DURABLE_TEST_LEASE="3")
    dead = start_worker(DURABLE_TEST_LEASE="3")
    ends.slow_outside.delay("text", str(tmp_path / "go"))
    pid_of(tmp_path / "go")
    dead.kill()
    (tmp_path / "go").touch()
    start_worker(DURABLE_TEST_LEASE="3")
    eventually(lambda: notes() == ["text"] and all_done())


def test_a_living_process_of_the_same_name_keeps_its_task(
    start_relay: Start, start_worker: Start, tmp_path: Path, outside: Path
) -> None:
    start_relay()
    start_worker(name="same@test")
    ends.slow_outside.delay("text", str(tmp_path / "go"))
    pid_of(tmp_path / "go")
    start_worker(name="same@test")
    assert TaskRow.objects.get().crashes == 0
    (tmp_path / "go").touch()
    eventually(all_done)
    assert len(outside.read_text().splitlines()) == 1


def test_a_child_killed_in_a_long_statement_leaves_no_lock_behind(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    tasks.write("locked")
    start_relay()
    start_worker("-c", "2", **LONG_LEASE)
    ends.locking.delay("written", str(tmp_path / "go"))
    os.kill(pid_of(tmp_path / "go"), signal.SIGKILL)
    eventually(lambda: notes() == ["locked", "written"] and all_done())


def stop_with(worker: Process, number: signal.Signals) -> None:
    worker.process.send_signal(number)
    worker.process.wait(60)


def put_back(worker: Process) -> bool:
    row = TaskRow.objects.get()
    return (row.state, row.crashes, row.retries) == (1, 0, 0) or fail(row, worker)


def fail(row: TaskRow, worker: Process) -> bool:
    assert (row.state, row.crashes, row.retries) == (1, 0, 0), worker.words
    return False


def test_an_orderly_shutdown_puts_running_tasks_back_and_spends_nothing(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ways: list[tuple[str, signal.Signals, dict[str, str]]] = [
        ("prefork", signal.SIGTERM, {"REMAP_SIGTERM": "SIGQUIT"}),
        ("prefork", signal.SIGQUIT, {}),
        ("solo", signal.SIGTERM, {"REMAP_SIGTERM": "SIGQUIT"}),
        ("solo", signal.SIGQUIT, {}),
    ]
    relay = start_relay()
    ends.slow.delay("text", str(go))
    for number, (pool, sign, environment) in enumerate(ways):
        worker = start_worker("--pool", pool, **environment)
        pid_of(go)
        if pool == "prefork":  # else Celery's cold shutdown waits for what it has not heard of yet
            eventually(lambda: any((app.control.inspect(timeout=2).active() or {}).values()))
        if number == len(ways) - 1:
            relay.stop()
        stop_with(worker, sign)
        Path(f"{go}.pid").unlink()
        row = TaskRow.objects.get()
        assert row.state in (0, 1, 2), (pool, sign, worker.words)
        assert (row.crashes, row.retries) == (0, 0), (pool, sign, worker.words)
    assert notes() == []
    go.touch()
    start_relay(DURABLE_TEST_PUBLICATION_LEASE="2")
    start_worker()
    eventually(lambda: notes() == ["text"] and all_done())


def test_a_warm_shutdown_waits_and_puts_back_what_a_child_lost(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    relay = start_relay()
    worker = start_worker()
    ends.slow.delay("text", str(tmp_path / "go"))
    child = pid_of(tmp_path / "go")
    relay.stop()
    worker.process.terminate()
    eventually(lambda: "Warm shutdown" in worker.words)
    time.sleep(0.5)
    assert worker.process.poll() is None
    os.kill(child, signal.SIGTERM)  # as a supervisor that signals every process does
    worker.process.wait(60)
    assert put_back(worker)


def running_in(process: str) -> TaskRow:
    """Return a row that a process of the worker w@test runs."""
    return TaskRow.objects.create(
        name="shop.write_note", queue="default", arguments="[[],{}]", state=State.RUNNING,
        claim=uuid4(), publication=uuid4(), worker="w@test", process=process,
    )  # fmt: skip


def test_a_process_that_still_runs_at_a_shutdown_keeps_its_task() -> None:
    row = running_in(process_name(os.getpid()))
    assert recovery.put_back_of("w@test") == 0
    assert TaskRow.objects.get().claim == row.claim


def test_a_process_that_was_lost_before_it_took_the_task_is_no_crash_of_the_task() -> None:
    row = running_in(process_name(0))
    recovery.process_lost(str(row.id), str(row.publication), None, "told to")
    stored = TaskRow.objects.get()
    assert (stored.state, stored.crashes) == (State.RUNNING, 0)


def pid_of(path: Path) -> int:
    """Wait for a task that tells its process's id."""
    told = Path(f"{path}.pid")
    return int(eventually(lambda: told.exists() and told.read_text()))
