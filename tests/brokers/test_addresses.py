"""Two spellings of one server are one server."""

from typing import Any

import pytest

from patterns.brokers.addresses import addresses


@pytest.mark.parametrize(
    "other",
    [
        "redis://localhost:6379/0",
        "redis://127.0.0.1",
        "redis://:secret@LOCALHOST/",
        "redis://[::1]/0",
        "redis://127.0.0.1:6379/1",  # another database in the same memory
        "rediss://localhost?ssl_cert_reqs=required",
        "redis://elsewhere:6379,redis://localhost:6379",
        ["redis://elsewhere", "valkey://127.0.0.1"],
    ],
)
def test_one_server_under_two_spellings(other: Any) -> None:
    assert addresses("redis://127.0.0.1:6379/0") & addresses(other)


@pytest.mark.parametrize(
    "other",
    [
        "redis://127.0.0.1:6380/0",
        "redis://10.0.0.9:6379/0",
        "amqp://127.0.0.1/",
        "memory://",
        "unique-snowflake",  # a cache in this process's memory
        "127.0.0.1:11211",  # memcached
        "",
        None,
        "redis://[broken",
    ],
)
def test_two_servers_are_two(other: Any) -> None:
    assert not addresses("redis://127.0.0.1:6379/0") & addresses(other)


def test_two_databases_behind_one_socket_are_one_server() -> None:
    one = addresses("redis+socket:///run/valkey.sock?virtual_host=0")
    assert one & addresses("redis+socket:///run/valkey.sock?virtual_host=1")
    assert one & addresses("unix:///run/valkey.sock?db=2")
    assert not one & addresses("redis+socket:///run/other.sock")
