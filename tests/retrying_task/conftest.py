"""A broker of its own for each test, and the workers that it starts."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import processes
from tests.retrying_task.retrying_servers import Broker, Worker

# For one that ends in order; one whose task waits, or whose broker is away, is killed.
PATIENCE_SECONDS = 5.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    server = Broker(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_worker(tmp_path: Path, broker: Broker) -> Iterator[Callable[..., Worker]]:
    """Give a function that starts a worker and waits until it takes tasks."""
    with processes(tmp_path, os.environ, PATIENCE_SECONDS) as begin:

        def start(**environment: str) -> Worker:
            worker = Worker(tmp_path, broker, environment, begin)
            worker.wait_for_log(" ready.")
            return worker

        yield start
