"""What a broker holds, read as it is stored; and a broker that misbehaves."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from development.server import Server

STEPS = ("", "\x06\x163", "\x06\x166", "\x06\x169")  # kombu's lists of one queue


def messages(broker: Server, queue: str = "default") -> list[dict[str, Any]]:
    """Return the headers of a queue's messages, in the order in which a worker takes them."""
    with redis.Redis.from_url(broker.url) as client:
        lists = [client.lrange(queue + step, 0, -1) for step in STEPS]
    return [json.loads(each)["headers"] for taken in lists for each in reversed(taken)]


def ids(broker: Server, queue: str = "default") -> list[str]:
    return [each["id"] for each in messages(broker, queue)]


def lose(broker: Server, count: int, queue: str = "default") -> list[str]:
    """Take messages as a worker that dies at once, and return their ids."""
    with redis.Redis.from_url(broker.url) as client:
        taken = [client.rpop(queue) for _ in range(count)]
    return [json.loads(each)["headers"]["id"] for each in taken]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
