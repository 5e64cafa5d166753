"""One start.py a folder: the second one says that the first is running."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO, TypedDict

import psutil

# What a killed start.py started is ended by its reaper, which holds the lock until then.
ENDING_SECONDS = 30.0


class Holder(TypedDict):
    """Who holds the lock, and where it answers."""

    pid: int
    address: str


class AlreadyRunning(RuntimeError):
    """Another start.py runs in this folder. The message names it."""


class Lock:
    """A lock on the folder `var/`; it is free once its holder and the holder's reaper are gone."""

    def __init__(self, file: Path) -> None:
        """Take the lock, or raise AlreadyRunning."""
        self._file: IO[str] = open(file, "a+", encoding="utf-8", opener=_private)  # noqa: SIM115  until the end
        deadline = time.monotonic() + ENDING_SECONDS
        while not self._taken():
            holder = self._holder()
            is_alive = holder is not None and psutil.pid_exists(holder["pid"])
            if is_alive or time.monotonic() > deadline:
                named = f" (pid {holder['pid']}, {holder['address']})" if holder else ""
                self._file.close()
                raise AlreadyRunning(
                    f"it is running here already{named}. "
                    "Stop that one first, or copy the project to run a second one"
                )
            time.sleep(0.1)
        self.write("it is just starting")

    @property
    def descriptor(self) -> int:
        """The open file, which a child may hold as well."""
        return self._file.fileno()

    def write(self, address: str) -> None:
        """Tell whoever comes second where this one answers."""
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "address": address}))
        self._file.flush()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> Holder | None:
        # None while the holder writes: who it is will be there in a moment.
        self._file.seek(0)
        try:
            holder: Holder = json.loads(self._file.read())
        except ValueError:
            return None
        return holder


def _private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)
