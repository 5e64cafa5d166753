"""Real servers for durable tasks: PostgreSQL, Valkey, workers, relays.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
from celery import _state
from django.conf import settings
from django.db import connection

from tests.processes import Process, Start, processes
from tests.servers import SOURCES, eventually, shared_database

HERE = Path(__file__).parent
# Models can be imported once Django is configured.
from development.server import Server  # noqa: E402
from development.valkey import start_valkey  # noqa: E402
from durable_shop import settings as shop_settings  # noqa: E402
from durable_shop.celery import app  # noqa: E402
from durable_shop.models import Note  # noqa: E402

from patterns.durable_tasks.models import (  # noqa: E402
    Event,
    FailedAttempt,
    Firing,
    Outcome,
    QueueRow,
    TaskRow,
)
from tests.durable_tasks.sampled import OutsideServer, served  # noqa: E402

NO_BROKER = "redis://127.0.0.1:1/0"
PATHS = [*SOURCES, str(HERE)]

settings.TASKS = shop_settings.TASKS
import_module("durable_shop.work")  # in no test, where Celery's warnings are errors
app.loader.import_default_modules()
app.finalize()


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[None]:
    yield from shared_database(django_db_blocker)


@pytest.fixture(autouse=True)
def empty_tables(database: None) -> Iterator[None]:
    yield
    # Celery adds each queue that it publishes to, and the next test would find it declared.
    app.__dict__.pop("amqp", None)
    connection.close()
    for model in (TaskRow, Event, FailedAttempt, Outcome, QueueRow, Firing, Note):
        model.objects.all().delete()
    connection.close()


@pytest.fixture
def current_shop() -> Iterator[None]:
    """Make the shop's Celery app the current one, as in a project, which imports its app."""
    before = _state._tls.current_app
    app.set_current()
    yield
    _state._set_current_app(before)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", durable=False)
    point_at(server.url)
    yield server
    point_at(NO_BROKER)
    server.stop()


def point_at(url: str) -> None:
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = url
    kombu.pools.reset()
    app._after_fork()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What tasks wrote that contact the outside, a line each."""
    path = tmp_path / "outside"
    path.touch()
    return path


@pytest.fixture
def start(broker: Server, tmp_path: Path, outside: Path) -> Iterator[Start]:
    """Return a function that runs Python in a process of the durable shop."""
    variables = {
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(PATHS),
        "DJANGO_SETTINGS_MODULE": "durable_shop.settings",
        "DURABLE_TEST_DATABASE_HOST": str(connection.settings_dict["HOST"]),
        "DURABLE_TEST_BROKER": broker.url,
        "DURABLE_TEST_OUTSIDE": str(outside),
    }
    with processes(tmp_path, variables) as start:
        yield partial(start, sys.executable)


@pytest.fixture
def start_worker(start: Start) -> Start:
    """Return a function that starts a worker and waits until it takes tasks."""
    numbers = iter(range(100))

    def begin(*options: str, name: str = "", queue: str = "default", **environment: str) -> Process:
        node = name or f"w{next(numbers)}@test"
        command = ["-m", "celery", "-A", "durable_shop.celery", "worker", "-Q", queue, "-n", node]
        command += ["-c", "1", "-l", "INFO", "--without-gossip", "--without-mingle", *options]
        worker = start(*command, **environment)
        eventually(lambda: worker.has_said(" ready."))
        return worker

    return begin


@pytest.fixture
def start_relay(start: Start) -> Start:
    """Return a function that starts a relay."""

    def begin(*options: str, **environment: str) -> Process:
        relay = start("-m", "durable_shop.manage", "relay", *options, **environment)
        eventually(lambda: relay.has_said("relay: publishing"))
        return relay

    return begin


@pytest.fixture
def start_beat(start: Start, tmp_path: Path) -> Start:
    """Return a function that starts a beat with a schedule file of its own."""

    def begin(schedule: dict[str, Any], name: str = "beat", **environment: str) -> Process:
        command = ["-m", "celery", "-A", "durable_shop.beat", "beat", "-l", "INFO"]
        command += ["-s", str(tmp_path / f"{name}.schedule"), "--max-interval", "1"]
        environment.setdefault("DURABLE_TEST_BROKER", NO_BROKER)
        beat = start(*command, DURABLE_TEST_BEAT=json.dumps(schedule), **environment)
        eventually(lambda: beat.has_said("beat: Starting"))
        return beat

    return begin


def notes() -> list[str]:
    return list(Note.objects.order_by("id").values_list("text", flat=True))


def failed() -> TaskRow:
    """Wait for the one failed row."""
    row: TaskRow = eventually(lambda: TaskRow.objects.filter(state=4).first())
    return row


def all_done() -> bool:
    return not TaskRow.objects.exists()


@pytest.fixture
def far_side() -> Iterator[OutsideServer]:
    """What a task asks that is run twice."""
    with served() as server:
        yield server
