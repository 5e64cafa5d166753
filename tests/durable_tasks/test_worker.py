"""A worker's start and end."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from durable_shop import ends
from durable_shop.celery import app

from patterns.durable_tasks import fresh, worker
from patterns.durable_tasks.app import DurableCelery
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.servers import eventually


def test_a_worker_with_threads_ends_at_its_start(start: Start) -> None:
    threads = start("-m", "celery", "-A", "durable_shop.celery", "worker", "--pool", "threads")
    try:
        assert threads.process.wait(60) != 0
    except subprocess.TimeoutExpired:
        pytest.fail(threads.words)
    assert "pool cannot run durable tasks" in threads.words
    assert "--pool prefork or --pool solo" in threads.words


@pytest.mark.parametrize(
    "pool",
    [
        "threads",
        "gevent",
        "eventlet",
        "celery.concurrency.thread:TaskPool",
        "celery.concurrency.gevent:TaskPool",
        "celery.concurrency.eventlet:TaskPool",
    ],
)
def test_a_pool_without_a_process_for_its_tasks_is_refused(pool: str) -> None:
    """By its name: the packages of two of them are not here."""
    sender = SimpleNamespace(app=app, pool_cls=pool, hostname="w@test")
    with pytest.raises(SystemExit, match="--pool prefork or --pool solo"):
        worker.take_back(sender)


def test_a_worker_starts_where_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(*_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(fresh, "execute", is_away)
    worker.take_back(SimpleNamespace(app=app, pool_cls="prefork", hostname="w@test"))
    assert "What w@test had claimed before is left to its leases." in caplog.text


def test_a_killed_processs_task_is_taken_back_in_a_second_if_nobody_says_otherwise() -> None:
    separate = DurableCelery("waiting", set_as_current=False)
    assert separate.conf.worker_lost_wait == 1
    separate = DurableCelery("patient", set_as_current=False)
    separate.conf.update(worker_lost_wait=5)
    assert separate.conf.worker_lost_wait == 5
    separate = DurableCelery("configured", set_as_current=False)
    separate.config_from_object({"worker_lost_wait": 7})
    assert separate.conf.worker_lost_wait == 7


def test_processes_that_are_replaced_now_and_then_lose_nothing(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker("-c", "2", "--max-tasks-per-child", "2")
    start_relay()
    for _ in range(12):
        ends.pid.delay()
    eventually(lambda: len(notes()) == 12 and all_done())
    assert len(set(notes())) >= 6
