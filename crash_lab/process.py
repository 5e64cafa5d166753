"""One process that is kept running: its command, its log, and the signals that it is sent."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

# Workers give running tasks 2 seconds, and hand back the rest.
STOP_SECONDS = 20.0


class Process:
    """A leader and its children, in a group of their own."""

    def __init__(
        self, name: str, command: str, extra: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        """Run nothing yet; `extra` is added to the environment that all have."""
        self.name, self.command, self.extra = name, command, dict(extra)
        self.folder, self.log = folder, log
        # Whether a dead leader's children are ended with it, as systemd does, or left alone.
        self.ends_children = True
        self.is_wanted = False
        self.starts = 0
        self.started_at = 0.0
        self.popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The leader's pid; 0 while it does not run."""
        return self.popen.pid if self.popen is not None and self.popen.poll() is None else 0

    def children(self) -> list[int]:
        """Return the pids of the leader's children."""
        try:
            return [child.pid for child in psutil.Process(self.pid).children()] if self.pid else []
        except psutil.Error:
            return []

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it; what it prints is added to its log."""
        with self.log.open("ab") as log:
            log.write(f"--- started at {time.strftime('%H:%M:%S')}\n".encode())
            log.flush()
            self.popen = subprocess.Popen(
                shlex.split(self.command),
                cwd=self.folder,
                env={**environment, **self.extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1
        self.started_at = time.monotonic()

    def wait(self) -> None:
        """Wait for its end; kill it, and its children, where that takes too long."""
        if self.popen is None:
            return
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.send_to_group(signal.SIGKILL)
            self.popen.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the leader."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to leader and children, also where the leader is gone."""
        if self.popen is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, number)
