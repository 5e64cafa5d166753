"""A Procfile's processes: which are started again, and that none outlives the stop."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from development.testing import ROOT

# It tells its pid, and has a child that would hold its port and its output.
SERVER = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
WAIT_SECONDS = 60.0  # two Pythons start in 0.2; the tests beside this one load the machine


class Running:
    """One run of the processes."""

    def __init__(self, folder: Path, steady_seconds: float, again_seconds: float) -> None:
        """Run a Procfile of one process."""
        (folder / "server.py").write_text(SERVER)
        (folder / "Procfile").write_text(f"worker: {sys.executable} {folder}/server.py\n")
        self.output_file = folder / "output.txt"
        module = [sys.executable, "-m", "development.processes", str(folder / "Procfile")]
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [*module, f"--steady-seconds={steady_seconds}", f"--again-seconds={again_seconds}"],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        """Return what was printed."""
        return self.output_file.read_text()

    def pids(self, start: int) -> tuple[int, int]:
        """Wait for start number `start`, and return the pids of the process and its child."""
        found: list[tuple[str, str]] = []
        deadline = time.monotonic() + WAIT_SECONDS
        while len(found) <= start:
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)
            found = re.findall(r"pids (\d+) (\d+)\n", self.output())
        return int(found[start][0]), int(found[start][1])

    def wait_until_gone(self, *pids: int) -> None:
        """Wait until none of these lives."""
        deadline = time.monotonic() + WAIT_SECONDS
        while any(map(is_alive, pids)):
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Give a function that runs the Procfile; what a failed test leaves is ended."""
    runs: list[Running] = []

    def start(steady_seconds: float, again_seconds: float = 1) -> Running:
        runs.append(Running(tmp_path, steady_seconds, again_seconds))
        return runs[-1]

    yield start
    for running in runs:
        for process in psutil.Process().children(recursive=True):
            if str(tmp_path) in " ".join(process.cmdline()):
                process.kill()
        running.process.wait(WAIT_SECONDS)


def test_what_is_killed_after_a_while_is_started_again_and_stops_in_order(
    run: Callable[..., Running],
) -> None:
    running = run(0)
    first, orphan = running.pids(0)
    os.kill(first, signal.SIGKILL)
    second, child = running.pids(1)

    assert running.output().count("worker ended by itself (signal SIGKILL); it is started") == 1
    running.wait_until_gone(first, orphan)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(WAIT_SECONDS) == 0
    running.wait_until_gone(second, child)
    assert len(re.findall(r"pids \d", running.output())) == 2


def test_a_stop_while_one_is_about_to_be_started_again_starts_nothing(
    run: Callable[..., Running],
) -> None:
    running = run(0, again_seconds=600)  # the signal comes within that, however late
    first, _ = running.pids(0)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while "is started again" not in running.output():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(WAIT_SECONDS) == 0
    assert len(re.findall(r"pids \d", running.output())) == 1


def test_what_dies_at_its_start_ends_all_and_is_named(run: Callable[..., Running]) -> None:
    running = run(600)
    first, _ = running.pids(0)
    os.kill(first, signal.SIGKILL)
    assert running.process.wait(WAIT_SECONDS) == 1
    assert "worker ended by itself (signal SIGKILL). Its last words:" in running.output()
    assert "started again" not in running.output()
