"""Processes wait for what they need, and say for what."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from config.readiness import wait_until_ready
from development.ports import free_port
from development.valkey import start_valkey


@pytest.mark.django_db(transaction=True)
def test_nothing_is_waited_for_and_nothing_said_where_all_is_there(
    broker_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="config.readiness"):
        wait_until_ready(broker=True)  # it says so where it waits
    assert caplog.text == ""


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_left_for_a_fork_to_share() -> None:
    wait_until_ready()
    assert connection.connection is None


def test_a_broker_that_is_away_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    url = f"redis://:a-password@127.0.0.1:{port}/0"
    waiter = threading.Thread(
        target=wait_until_ready,
        kwargs={"database": False, "migrations": False, "broker_url": url},
        daemon=True,
    )
    waiter.start()
    eventually(lambda: "Waiting for the broker" in caplog.text)
    assert waiter.is_alive()
    assert "Start it, or correct its URL." in caplog.text
    assert "a-password" not in caplog.text
    server = start_valkey(tmp_path, port=port, durable=False)
    try:
        with Redis.from_url(server.url) as broker:
            broker.config_set("requirepass", "a-password")
        waiter.join(60)
        assert not waiter.is_alive()
    finally:
        server.stop()


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--config", "config/gunicorn.py", "config.wsgi"),
        ("celery", "-A", "config", "worker", "-Q", "mail"),
        ("celery", "-A", "analytics.celery", "worker", "-Q", "analytics"),  # analytics
        ("django", "relay"),
    ],
    ids=lambda command: f"{command[0]} {command[-1]}",
)
def test_a_process_waits_for_its_database_and_can_be_stopped_meanwhile(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/not_there")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=settings.BASE_DIR,
            env=os.environ | {"DATABASE_URL": urlunsplit(database), "PORT": str(free_port())},
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: "Waiting for the database" in log.read_text())
        assert process.poll() is None
        assert "or correct DATABASE_URL." in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
