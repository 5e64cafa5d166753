"""Run a Procfile's processes with honcho, and say at the end which one died, and its last words.

`python -m development.processes PROCFILE`. SIGTERM stops all in order. One that fails after it
has run for a while is started again; when one ends otherwise, all end: a shop that lacks a worker
would look as if it worked.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Process

LAST_LINES = 8  # enough for the end of a traceback
# Workers give running tasks 2 seconds and web its requests 4, and all end at once on few cores.
GRACE_SECONDS = 12.0
STEADY_SECONDS = 10.0  # a start that fails does so sooner, and would fail again
AGAIN_SECONDS = 1.0  # long enough to read why, short enough not to be missed


class Lines(Printer):  # type: ignore[misc]  # honcho brings no types
    """Prints what the processes write, and remembers the last lines of each."""

    def __init__(self) -> None:
        """Print to the standard output."""
        super().__init__(sys.stdout)
        self.last: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LAST_LINES))

    def write(self, message: Any) -> None:
        """Print one message; where nobody reads any more, as after a closed terminal, drop it."""
        data = message.data
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
        self.last[message.name].extend(text.splitlines())
        try:
            super().write(message)
        except OSError:
            self.output = open(os.devnull, "w")  # noqa: SIM115  until the process ends


class Leaders:
    """Sends a signal to the process that a line of the Procfile names, not to its children.

    honcho would signal the whole group, and a worker's children would die amid their tasks
    before the worker can let them finish.
    """

    def terminate(self, pid: int) -> None:
        """Ask for an orderly end."""
        self._send(os.kill, pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        """End the process and its children."""
        self._send(os.killpg, pid, signal.SIGKILL)

    def _send(self, send: Any, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended by itself meanwhile
            send(pid, number)


class Lasting(Process):  # type: ignore[misc]  # honcho brings no types
    """A process that is started again when it fails after `steady_seconds`, unless all stop.

    honcho runs this in a process of its own, which shares `pid` and `stopping` with the manager.
    """

    steady_seconds, again_seconds = STEADY_SECONDS, AGAIN_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take honcho's arguments; nothing runs yet."""
        super().__init__(*arguments, **options)
        # Without locks: the manager writes amid a signal.
        self.pid, self.stopping = RawValue("i", 0), RawValue("b", 0)

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Run it until it ends for good, and tell the manager what it writes and how it ends."""
        self._events = events
        for number in (signal.SIGINT, signal.SIGTERM):
            # Not ignored, for the process would inherit that.
            signal.signal(number, lambda *_: setattr(self.stopping, "value", 1))
        while True:
            began = time.monotonic()
            status = self._run_once()
            lived = time.monotonic() - began
            if status == 0 or lived < self.steady_seconds or self.stopping.value:
                break
            text = f"{self.name} ended by itself ({_shown(status)}); it is started again\n"
            self._send_message(text)
            if self._is_stopping_within(self.again_seconds):
                break
        self._send_message({"returncode": status}, type="stop")

    def _run_once(self) -> int:
        self._child = self._child_ctor(self.cmd, env=self.env, cwd=self.cwd)
        self.pid.value = self._child.pid
        if self.stopping.value:  # since the last look: the manager may have signalled the old pid
            self._child.terminate()
        self._send_message({"pid": self._child.pid}, type="start")
        threading.Thread(target=self._end_orphans, args=[self._child], daemon=True).start()
        for line in iter(self._child.stdout.readline, b""):
            self._send_message(line)
        self._child.stdout.close()
        return int(self._child.wait())

    def _end_orphans(self, child: Any) -> None:
        # They would hold the port, the queue and the output of what is started again. In an
        # orderly stop there are none: a process ends after its children.
        child.wait()
        with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group of zombies
            os.killpg(child.pid, signal.SIGKILL)

    def _is_stopping_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.stopping.value and time.monotonic() < deadline:
            time.sleep(0.05)
        return bool(self.stopping.value)


class Processes(Manager):  # type: ignore[misc]  # honcho brings no types
    """honcho's manager, with an orderly stop and an account of what went wrong."""

    def __init__(
        self,
        procfile: str,
        *,
        steady_seconds: float = STEADY_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """Take the text of a Procfile."""
        self.lines = Lines()
        super().__init__(self.lines)
        self._procmgr = Leaders()
        self._process_ctor = Lasting
        for name, command in parse_procfile(procfile).processes.items():
            # No shell stays between: it would not pass the signal on.
            process = self.add_process(name, f"exec {command}")
            process.steady_seconds, process.again_seconds = steady_seconds, again_seconds
        self.ended_first: list[tuple[str, int]] | None = None

    def terminate(self) -> None:
        """Stop all in order: called after a signal, and after the first end of a process."""
        if not self._all_started():
            # honcho knows no pid to signal yet; it will in a moment.
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            return
        for process in self._processes.values():
            process["obj"].stopping.value = 1
        if self.ended_first is None:
            self._stopping_since = time.monotonic()
            found = [(name, p.get("returncode")) for name, p in self._processes.items()]
            self.ended_first = [(name, status) for name, status in found if status is not None]
        super().terminate()

    def kill(self) -> None:
        """Kill what has not ended after GRACE_SECONDS; honcho itself would after 5."""
        if time.monotonic() - self._stopping_since > GRACE_SECONDS:
            super().kill()

    def _killall(self, force: bool = False) -> None:
        for process in self._processes.values():
            process["pid"] = process["obj"].pid.value  # honcho may know of an earlier one
        super()._killall(force)

    def account(self) -> str:
        """Return what is to be said of the process that ended without being asked to."""
        for name, status in self.ended_first or ():
            words = "\n".join(f"  {line}" for line in self.lines.last[name])
            return f"{name} ended by itself ({_shown(status)}). Its last words:\n{words}"
        return ""


def _shown(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def main() -> None:
    """Run the Procfile named on the command line; exit with 1 where a process ended by itself."""
    parser = argparse.ArgumentParser(prog="processes")
    parser.add_argument("procfile", type=Path)
    parser.add_argument("--steady-seconds", type=float, default=STEADY_SECONDS)
    parser.add_argument("--again-seconds", type=float, default=AGAIN_SECONDS)
    options = parser.parse_args()
    text = options.procfile.read_text(encoding="utf-8")
    processes = Processes(
        text, steady_seconds=options.steady_seconds, again_seconds=options.again_seconds
    )
    processes.loop()
    account = processes.account()
    if account:
        sys.exit(account)


if __name__ == "__main__":
    main()
