"""Processes that tests start: each in a group of its own, with a log, and none left behind."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# What a warm shutdown of a worker takes at most here, whose tasks end by themselves.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Process:
    """A process that a test started, and what it wrote."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def has_said(self, text: str) -> bool:
        """Tell whether it has written this; an error where it has ended without."""
        has_ended = self.process.poll() is not None  # first: it may end between two looks
        if text in self.words:
            return True
        assert not has_ended, self.words
        return False

    def fail_if_ended(self) -> bool:
        assert self.process.poll() is None, self.words
        return False

    def end(self, seconds: float) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"runs after {seconds} s:\n{self.words}") from None

    def kill(self) -> None:
        """End it with its children, as a machine that loses power does."""
        with suppress(ProcessLookupError):  # children may be left of one that has ended
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """End it as a deploy does, with whatever it leaves behind; at once without patience."""
        if patience_seconds and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_seconds)
        self.kill()


Start = Callable[..., Process]


@contextmanager
def processes(
    folder: Path, environment: Mapping[str, str], patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[Start]:
    """Give a function that starts a process, in `folder` unless told; its log is there.

    All of them end with the context, orderly within `patience_seconds`, else killed.

    A process has PATH, `environment`, and what else it is given by name, and nothing of the
    environment of the tests.
    """
    started: list[Process] = []

    def start(*command: str | Path, cwd: Path = folder, **more: str) -> Process:
        log = folder / f"process-{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={"PATH": os.environ["PATH"], **environment, **more},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        started.append(Process(process=process, log=log))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.stop(patience_seconds)
