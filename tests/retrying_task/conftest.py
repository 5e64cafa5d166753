"""A broker of its own for each test, and the workers that it starts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.retrying_task.retrying_servers import Broker, Worker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    server = Broker(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_worker(tmp_path: Path, broker: Broker) -> Iterator[Callable[..., Worker]]:
    """Give a function that starts a worker and waits until it takes tasks."""
    workers: list[Worker] = []

    def start(**environment: str) -> Worker:
        workers.append(Worker(tmp_path, broker, environment))
        workers[-1].wait_for_log(" ready.")
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()
