"""The lab's Valkey: stopped, frozen, emptied, set back and filled."""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from crash_lab.development_code import Server, ports, reaper, valkey

JUNK = "crash_lab:junk"
ENTRY = b"x" * 10_000
LIMIT = "maxmemory"
STOP_SECONDS = 10.0


class Broker:
    """A Valkey whose port and password stay the same through its restarts."""

    def __init__(self, folder: Path) -> None:
        """Keep the data in `folder`, which is made."""
        self.folder, self.snapshot_folder = folder, folder.with_name(f"{folder.name}-snapshot")
        self.port: int = ports.free_port()
        self.password = secrets.token_urlsafe(24)
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start on what the folder holds, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.folder.with_name(f"{self.folder.name}.log")
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [valkey._program(), "-"],
                cwd=self.folder,
                env=os.environ | {reaper.BELONGS_TO: str(self.folder)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        assert self.process.stdin is not None  # noqa: S101  asked for above
        with self.process.stdin as configuration:
            text = valkey._configuration(self.port, self.password, 64, True)
            configuration.write(text.encode())
        valkey._wait(Server(name="Valkey", process=self.process, url=self.url, log=log))

    def start_unless_running(self) -> None:
        """Start it, or let it go on, where a scenario has left it stopped or frozen."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.thaw()

    def stop(self) -> None:
        """End in order, or not at all where it does not run."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        assert self.process is not None  # noqa: S101  who freezes it has started it
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None  # noqa: S101  who thaws it has started it
        self.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        """Forget everything; the broker must be stopped."""
        shutil.rmtree(self.folder)

    def take_snapshot(self) -> None:
        """Keep a copy of the data; the broker must be stopped."""
        shutil.rmtree(self.snapshot_folder, ignore_errors=True)
        shutil.copytree(self.folder, self.snapshot_folder)

    def go_back(self) -> None:
        """Put the copy in the place of the data; the broker must be stopped."""
        self.empty()
        shutil.copytree(self.snapshot_folder, self.folder)

    def used_bytes(self) -> int:
        """Return the memory that it uses for what it holds."""
        return int(self.client.info("memory")["used_memory"])

    def fill(self) -> None:
        """Fill it until it refuses what takes memory, as another application may do."""
        self.limit = str(self.client.config_get(LIMIT)[LIMIT])
        self.client.config_set(LIMIT, self.used_bytes() + 2_000_000)
        try:
            while True:
                self.client.rpush(JUNK, ENTRY)
        except redis.exceptions.OutOfMemoryError:
            return

    def make_room(self) -> None:
        """Take out again what filled it."""
        self.client.config_set(LIMIT, self.limit)
        self.client.delete(JUNK)
