"""The lease: renewed while a task runs, and never outlived by its process."""

import faulthandler
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Ignore
from django.db import OperationalError, connection
from durable_shop import ends, tasks

from patterns.durable_tasks import configuration, fresh, lease
from patterns.durable_tasks.errors import CompletingMisused
from patterns.durable_tasks.keeper import RENEW_SHARE, Keeper
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.test_recovery import pid_of
from tests.durable_tasks.test_settle import running, taken_over
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


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """What keeps this process' lease, and looks when it is told to and not now and then."""
    monkeypatch.setattr(Keeper, "start", lambda self: None)
    monkeypatch.setattr(Keeper, "is_alive", lambda self: True)
    monkeypatch.setattr(lease, "_keepers", [])
    keeper = lease._keeper()
    yield keeper
    keeper.watchdog.disarm()


@pytest.mark.usefixtures("keeper")
def test_a_body_does_not_begin_once_its_lease_has_ended() -> None:
    """As where the process was frozen between the claim and its body."""
    late = replace(running(), since=time.monotonic() - configuration.lease_seconds())
    with pytest.raises(Ignore, match="ended before its body began"), lease.Kept(late, None):
        pytest.fail("it has begun")


def test_a_run_whose_row_is_anothers_by_now_says_so_once(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    claim = running()
    taken_over(claim)
    with lease.Kept(claim, None):
        keeper._renew(claim)
        assert "taken over" not in caplog.text  # perhaps its own run has ended the row just now
        keeper._renew(claim)
        keeper._renew(claim)
    assert caplog.text.count("was taken over while it ran here") == 1


def test_a_database_that_does_not_answer_leaves_the_watchdog_to_end_the_process(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(*_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(fresh, "execute", is_away)
    claim = running()
    with lease.Kept(claim, None):
        acts_at = keeper.watchdog.acts_at
        keeper._renew(claim)
        assert keeper.watchdog.acts_at == acts_at > 0
    assert "was not renewed: away" in caplog.text


def test_a_run_that_ends_while_its_lease_is_renewed_leaves_no_watchdog_behind(
    keeper: Keeper,
) -> None:
    claim = running()
    with lease.Kept(claim, None):
        pass
    keeper.rest()
    keeper._renew(claim)
    assert keeper.watchdog.acts_at == 0


@pytest.mark.usefixtures("keeper")
def test_completing_in_a_thread_of_the_body_says_what_to_do() -> None:
    """Celery's request is that of a thread: its effect would commit without the task's end."""
    claim = replace(running(), name=tasks.contact.name)
    with ThreadPoolExecutor(1) as thread, lease.Kept(claim, None):
        tasks.contact.completing()  # called as a function in the body's own thread
        with pytest.raises(CompletingMisused, match="in a thread of its own"):
            thread.submit(tasks.contact.completing).result()
        thread.submit(tasks.write_note.completing).result()  # of another task


def test_a_plain_task_that_a_durable_one_runs_itself_leaves_its_watchdog_armed(
    keeper: Keeper,
) -> None:
    plain = SimpleNamespace(request={})
    with lease.Kept(running(), None):
        lease._rest_for_a_plain_task(plain)
        assert keeper.watchdog.acts_at > 0
    lease._rest_for_a_plain_task(plain)
    assert keeper.watchdog.acts_at == 0


def test_a_watchdog_that_gets_no_thread_is_tried_again_at_the_next_look(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("unable to start watchdog thread")

    long_ago = time.monotonic() - configuration.lease_seconds() * RENEW_SHARE
    claim = replace(running(), since=long_ago)
    with lease.Kept(claim, None):
        with monkeypatch.context() as limited:
            limited.setattr(faulthandler, "dump_traceback_later", refuse)
            keeper._renew(claim)
        assert keeper.renew_at <= time.monotonic()
        keeper._renew(claim)
        assert keeper.watchdog.acts_at > 0
        assert keeper.renew_at > time.monotonic()
    assert "No watchdog ends this process with its lease: unable to start" in caplog.text
    assert "taken over" not in caplog.text


def test_a_keeper_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_keepers", [])
    monkeypatch.setattr(Keeper, "run", lambda self: None)
    dead = lease._keeper()
    dead.join(60)
    assert lease._keeper() is not dead
