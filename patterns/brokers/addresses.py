"""Which server a URL names, in one spelling, so that two of them can be compared."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672, "sentinel": 26379}  # else Redis's
HERE = {"localhost", "::1", "127.0.0.1", ""}

Address = tuple[str, int]


def addresses(urls: Any) -> set[Address]:
    """Return host and port of each server in a URL, or in several, or the path of its socket.

    Not the database behind them: all of a server's share one memory, and one eviction. What is no
    URL of a server (`memory://`, a cache's name) is left out.
    """
    return {address for url in _each(urls) if (address := _address(url)) is not None}


def _each(urls: Any) -> Iterator[str]:
    if isinstance(urls, str):
        for url in urls.replace(";", ",").split(","):
            yield url.strip()
    elif isinstance(urls, list | tuple):
        for one in urls:
            yield from _each(one)


def _address(url: str) -> Address | None:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme.removeprefix("cache+"), 6379)
    except ValueError:
        return None
    if parts.scheme.endswith(("+socket", "+unix")) or parts.scheme in ("unix", "socket"):
        return parts.path, 0
    if not parts.scheme or parts.scheme in ("memory", "cache", "file", "filesystem", "db"):
        return None
    host = parts.hostname or ""
    return "127.0.0.1" if host in HERE else host, port
