"""Real Valkeys, Celery apps that share them, and their processes.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.processes import Process, Start, processes
from tests.servers import REPOSITORY, Server, eventually, start_valkey

# isort: split
from patterns.brokers.app import GuardedCelery
from patterns.brokers.owner import Owner

SHOP = Owner("story.shop", "production")
ANALYTICS = Owner("other.analytics", "production")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", durable=False)
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def client(broker: Server) -> Iterator["Redis[bytes]"]:
    with Redis.from_url(broker.url) as client:
        yield client


def made(url: str, owner: Owner = SHOP, **conf: Any) -> GuardedCelery:
    """Return a new app, as a process of its own would have it."""
    app = GuardedCelery(
        owner.app, broker=url, owner=owner, broker_setting="BROKER_URL", set_as_current=False
    )
    app.conf.update(broker_connection_timeout=2, **conf)
    return app


@pytest.fixture
def somebody_waiting(broker: Server, client: Any) -> Iterator[None]:
    """Let a worker wait at the broker, whoever's."""
    with waiting_at(broker.url, client):
        yield


@contextmanager
def waiting_at(url: str, client: Any) -> Iterator[None]:
    """Let a worker wait at a server, whoever's; `client` is one of that server."""
    name = "somebody"
    with Redis.from_url(url, socket_timeout=None) as waiting:  # from redis 8 on it gives up else
        thread = threading.Thread(target=waiting.brpop, args=([name],), daemon=True)
        thread.start()
        eventually(lambda: client.info("clients")["blocked_clients"])
        try:
            yield
        finally:
            client.lpush(name, "over")
            thread.join()


@pytest.fixture
def start(tmp_path: Path, broker: Server) -> Iterator[Start]:
    """Return a function that starts Celery with the app of plain_app.py, of a given owner."""
    own = {"BROKER": broker.url, "PYTHONPATH": str(REPOSITORY)}
    celery = (sys.executable, "-m", "celery", "-A", "tests.brokers.plain_app")
    # Killed: a worker whose broker is gone or frozen would take its time to end in order.
    with processes(tmp_path, own, patience_seconds=0) as start:

        def started(*command: str, owner: Owner = SHOP, **more: str) -> Process:
            return start(*celery, *command, OWNER=str(owner), **more)

        yield started
