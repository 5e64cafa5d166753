"""A supervisor as any platform has one: it starts a dead process again, at once."""

import signal
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from crash_lab.process import Process

WATCH_SECONDS = 0.05
# At once, but not many times a second what fails at its start.
AGAIN_SECONDS = 0.5


class Supervisor:
    """Starts processes, and again when they die, until they are stopped."""

    def __init__(self, folder: Path, logs: Path, environment: Mapping[str, str]) -> None:
        """Run everything in `folder` with `environment`; every process has a log in `logs`."""
        self.folder, self.logs, self.environment = folder, logs, dict(environment)
        self.processes: dict[str, Process] = {}
        self._lock = threading.RLock()
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def start(self, name: str, command: str, **extra: str) -> Process:
        """Start a process under a name of its own, and keep it running.

        What runs under this name with another command or environment is stopped first.
        """
        with self._lock:
            process = self.processes.get(name)
            if process is None or (process.command, process.extra) != (command, extra):
                if process is not None:
                    self.stop(name)
                process = Process(name, command, extra, self.folder, self.logs / f"{name}.log")
                self.processes[name] = process
            process.is_wanted = True
            if not process.pid:
                process.start(self.environment)
            return process

    def stop(self, *names: str) -> float:
        """End processes in order, all at the same time; return the seconds that it took."""
        began = time.monotonic()
        with self._lock:
            chosen = [self.processes[name] for name in names]
            for process in chosen:
                process.is_wanted = False
                process.send(signal.SIGTERM)
        for process in chosen:
            process.wait()
            process.send_to_group(signal.SIGKILL)
        return time.monotonic() - began

    def freeze(self, name: str) -> None:
        """SIGSTOP a process with its children, as a machine that swaps or a paused VM."""
        self.processes[name].send_to_group(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen process and its children go on."""
        self.processes[name].send_to_group(signal.SIGCONT)

    def names(self, *, beginning: Iterable[str] = ("",)) -> list[str]:
        """Return the names of what is kept running, in the order of their starts."""
        with self._lock:
            return [
                name
                for name, process in self.processes.items()
                if process.is_wanted and name.startswith(tuple(beginning))
            ]

    def close(self) -> None:
        """Stop watching and end every process, at once where it does not end in order."""
        self._is_over.set()
        self._watcher.join()
        for name in self.processes:
            self.thaw(name)
        self.stop(*self.processes)

    def _watch(self) -> None:
        while not self._is_over.wait(WATCH_SECONDS):
            with self._lock:
                for process in self.processes.values():
                    if process.is_wanted and not process.pid:
                        self._start_again(process)

    def _start_again(self, process: Process) -> None:
        if process.ends_children:
            process.send_to_group(signal.SIGKILL)
        if time.monotonic() - process.started_at > AGAIN_SECONDS:
            process.start(self.environment)
