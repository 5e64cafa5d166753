"""Processes wait for what they need, and say for what."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
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
        started = time.monotonic()
        wait_until_ready(broker=True)
    assert time.monotonic() - started < 5
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
        waiter.join(30)
        assert not waiter.is_alive()
    finally:
        server.stop()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
