"""One server that was started here: where it is reached, and how it is stopped."""

import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10.0  # PostgreSQL writes what it has in memory; then it is killed, and recovers


class ServerFailed(RuntimeError):
    """A server did not start, or a given one is not there. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server of ours; `url` is what its clients use, password included."""

    name: str
    process: "subprocess.Popen[bytes]"
    url: str
    log: Path
    temporary: Path | None = None

    def stop(self) -> None:
        """End the server in order, and kill it where that takes over STOP_SECONDS.

        Stopping a stopped server does nothing.
        """
        if self.process.poll() is None:
            # PostgreSQL would wait for its clients after SIGTERM.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def fail_unless_starting(self, deadline: float, reason: str) -> None:
        """Raise ServerFailed, and leave nothing behind, once the server ended or is too late."""
        ended = self.process.poll() is not None
        if ended or time.monotonic() > deadline:
            self.stop()
            raise ServerFailed(
                f"{self.name} did not start ({'it ended' if ended else reason}). "
                f"Its last words, from {self.log}: {last_lines(self.log)}"
            )


def last_lines(log: Path, count: int = 3) -> str:
    """Return the end of a log as one line."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return " / ".join(line.strip() for line in lines[-count:]) or "(nothing)"
