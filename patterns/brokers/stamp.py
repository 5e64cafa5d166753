"""The stamp: one key of a Redis or Valkey that says whose it is. It does not expire.

It is in database 0, whichever database the app uses: all of a server's share one memory.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import kombu
import redis

from .owner import Owner

# No prefix of an app's own (global_keyprefix) goes before it: everybody has to find it.
KEY = "brokers:owner"


@dataclass(frozen=True)
class Stamp:
    """What a broker bears: its owner, which process stamped it and when, and the bytes of it."""

    owner: str
    by: str
    at: str
    raw: bytes


@contextmanager
def client_of(connection: kombu.Connection, channel: Any) -> Iterator[redis.Redis]:
    """Yield a client of a connected app's server, in database 0, as the app itself connects.

    The channel's own client would put the app's prefix before some keys, and not before others.
    """
    pool = channel.client.connection_pool
    if not int(pool.connection_kwargs.get("db") or 0):
        yield redis.Redis(connection_pool=pool)
        return
    # kombu's own class: ours would ask itself.
    with kombu.Connection(**{**connection.info(), "virtual_host": "0"}) as other:
        there: Any = other.default_channel
        yield redis.Redis(connection_pool=there.client.connection_pool)


def read(client: redis.Redis) -> Stamp | None:
    """Return the stamp, None where there is none; what cannot be read is somebody's all the same.

    Raises what redis raises, as the functions below.
    """
    raw = client.get(KEY)
    return None if raw is None else _read(raw if isinstance(raw, bytes) else str(raw).encode())


def put(client: redis.Redis, owner: Owner) -> None:
    """Stamp a server that bears no stamp. Two at once: one of them does, and both read whose."""
    client.set(KEY, _written(owner), nx=True)


def replace(client: redis.Redis, before: Stamp | None, owner: Owner) -> bool:
    """Stamp it anew if it still bears `before`; tell whether it did."""
    with client.pipeline() as pipe:
        pipe.watch(KEY)  # type: ignore[no-untyped-call]
        if pipe.get(KEY) != (None if before is None else before.raw):
            return False
        pipe.multi()
        pipe.set(KEY, _written(owner))
        try:
            pipe.execute()
        except redis.WatchError:
            return False
        return True


def _written(owner: Owner) -> str:
    by = f"process {os.getpid()} on {socket.gethostname()}"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"owner": str(owner), "by": by, "at": at})


def _read(raw: bytes) -> Stamp:
    try:
        found = json.loads(raw)
        return Stamp(str(found["owner"]), str(found["by"]), str(found["at"]), raw)
    except (ValueError, TypeError, KeyError):
        shown = raw[:60].decode(errors="replace")
        return Stamp(f"somebody whose stamp cannot be read ({shown!r})", "?", "?", raw)
