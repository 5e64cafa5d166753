"""Run a Procfile's processes with honcho, and say at the end which one died, and its last words.

`python -m development.processes PROCFILE`. SIGTERM stops all in order. When one ends, all end:
a shop that lacks a worker would look as if it worked.
"""

import os
import signal
import sys
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

LAST_LINES = 8  # enough for the end of a traceback
# Workers give running tasks 2 seconds and web its requests 4, and all end at once on few cores.
GRACE_SECONDS = 12.0


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


class Processes(Manager):  # type: ignore[misc]  # honcho brings no types
    """honcho's manager, with an orderly stop and an account of what went wrong."""

    def __init__(self, procfile: str) -> None:
        """Take the text of a Procfile."""
        self.lines = Lines()
        super().__init__(self.lines)
        self._procmgr = Leaders()
        for name, command in parse_procfile(procfile).processes.items():
            # No shell stays between: it would not pass the signal on.
            self.add_process(name, f"exec {command}")

        self.ended_first: list[tuple[str, int]] | None = None

    def terminate(self) -> None:
        """Stop all in order: called after a signal, and after the first end of a process."""
        if not self._all_started():
            # honcho knows no pid to signal yet; it will in a moment.
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            return
        if self.ended_first is None:
            self._stopping_since = time.monotonic()
            found = [(name, p.get("returncode")) for name, p in self._processes.items()]
            self.ended_first = [(name, status) for name, status in found if status is not None]
        super().terminate()

    def kill(self) -> None:
        """Kill what has not ended after GRACE_SECONDS; honcho itself would after 5."""
        if time.monotonic() - self._stopping_since > GRACE_SECONDS:
            super().kill()

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
    processes = Processes(Path(sys.argv[1]).read_text(encoding="utf-8"))
    processes.loop()
    account = processes.account()
    if account:
        sys.exit(account)


if __name__ == "__main__":
    main()
