"""Valkey in a folder."""

from pathlib import Path

import pytest
import redis

from development.ports import free_port
from development.server import ServerFailed
from development.valkey import start_valkey


def test_what_was_queued_survives_kill_9(tmp_path: Path) -> None:
    first = start_valkey(tmp_path)
    with redis.Redis.from_url(first.url) as client:
        client.lpush("mail", "one")
    first.process.kill()
    first.process.wait()
    second = start_valkey(tmp_path)
    with redis.Redis.from_url(second.url) as client:
        assert client.lrange("mail", 0, -1) == [b"one"]
    second.stop()


def test_full_it_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    server = start_valkey(tmp_path, max_memory_mb=3, durable=False)
    with redis.Redis.from_url(server.url) as client:
        client.lpush("mail", "one")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            flood(client)
        assert client.llen("mail") == 1
    server.stop()


def test_without_the_password_nobody_gets_in_and_no_process_list_shows_it(tmp_path: Path) -> None:
    server = start_valkey(tmp_path, durable=False)
    password = server.url.split(":")[2].split("@")[0]
    with (
        redis.Redis.from_url(server.url.replace(password, "")) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()
    arguments = Path(f"/proc/{server.process.pid}/cmdline")
    if arguments.exists():
        assert password not in arguments.read_text()
    server.stop()


def test_a_configured_port_in_use_is_an_error(tmp_path: Path) -> None:
    port = free_port()
    first = start_valkey(tmp_path / "one", port=port, durable=False)
    with pytest.raises(ServerFailed, match="in use"):
        start_valkey(tmp_path / "two", port=port, durable=False)
    first.stop()


def flood(client: redis.Redis) -> None:
    for _ in range(1_000):
        client.lpush("flood", b"x" * 100_000)
