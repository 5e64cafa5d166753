"""A worker's start and end."""

import subprocess

import pytest
from durable_shop import ends

from tests.durable_tasks.conftest import Start, all_done, notes
from tests.queued_mail.conftest import eventually


@pytest.mark.parametrize("pool", ["threads", "gevent", "eventlet"])
def test_a_pool_without_a_process_for_its_tasks_is_refused(start: Start, pool: str) -> None:
    worker = start("-m", "celery", "-A", "durable_shop.celery", "worker", "--pool", pool)
    try:
        assert worker.process.wait(60) != 0
    except subprocess.TimeoutExpired:
        pytest.fail(worker.words)
    if "No module named" not in worker.words:  # the package of the pool is not installed
        assert "pool cannot run durable tasks" in worker.words
        assert "--pool prefork or --pool solo" in worker.words


def test_processes_that_are_replaced_now_and_then_lose_nothing(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker("-c", "2", "--max-tasks-per-child", "2")
    start_relay()
    for _ in range(12):
        ends.pid.delay()
    eventually(lambda: len(notes()) == 12 and all_done())
    assert len(set(notes())) >= 6
