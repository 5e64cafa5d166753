"""Copies of this project, to start in: nothing that a test starts touches the real one."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from development import reaper
from development.single import ENDING_SECONDS

ROOT = Path(__file__).resolve().parent.parent.parent
# What is compiled stays: it is half the work of a start.
LEFT_OUT = shutil.ignore_patterns("var", ".env", ".venv", ".git", ".*_cache")
START_SECONDS = 180.0  # 5 on an idle machine; the tests beside this one load it
STOP_SECONDS = 40.0
# One process that serves pages, for tests that are about starting and stopping, not the shop.
SMALL = "web: python -m http.server --bind 127.0.0.1 $PORT\n"


class Copy:
    """One copy, and what `start.py` does in it."""

    def __init__(self) -> None:
        """Copy the project to a folder that PostgreSQL's user can reach."""
        self.folder = Path(tempfile.mkdtemp(prefix="copy-", dir="/tmp")).resolve() / "shop"
        shutil.copytree(ROOT, self.folder, ignore=LEFT_OUT)
        self.var = self.folder / "var"
        self.ready_file = self.folder / "ready.json"
        self.output_file = self.folder / "output.txt"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str, **env: str) -> "subprocess.Popen[bytes]":
        """Run start.py in the background."""
        with self.output_file.open("ab") as output:
            process = subprocess.Popen(
                self._command(options),
                cwd=self.folder,
                env=outside_environment() | env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(self, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run start.py until it ends by itself, as after a failure."""
        return subprocess.run(
            self._command(options),
            cwd=self.folder,
            env=outside_environment() | env,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )

    def wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until the shop answers."""
        self.wait_for(self.ready_file.exists, process)

    def wait_for(self, is_so: Callable[[], Any], process: "subprocess.Popen[bytes]") -> None:
        """Wait until something is so; fail with the output when start.py ends before."""
        deadline = time.monotonic() + START_SECONDS
        while not is_so():
            assert process.poll() is None, f"start.py ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"it took too long:\n{self.output()}"
            time.sleep(0.05)

    def output(self) -> str:
        """Return what all runs have printed."""
        return self.output_file.read_text(errors="replace")

    def left(self) -> list[str]:
        """Return what still runs of this copy: by its mark, its folder, or its command line."""
        marked = [words for each in reaper.belonging_to(self.var) if (words := _words(each))]
        return marked + _named(str(self.folder))

    def wait_until_nothing_is_left(self) -> None:
        """Wait for the reaper of a start that was killed; fail, with what is left, after it."""
        deadline = time.monotonic() + ENDING_SECONDS
        while left := self.left():
            assert time.monotonic() < deadline, left
            time.sleep(0.3)  # each look reads about every process of the machine

    def remove(self) -> None:
        """End what a failed test left, and remove the folder."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        reaper.end_all(self.var, stop_seconds=2)
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _command(self, options: tuple[str, ...]) -> list[str]:
        return [sys.executable, "start.py", "--ready-file", str(self.ready_file), *options]


def outside_environment() -> dict[str, str]:
    """Return what a developer's terminal has: nothing of the tests' servers and settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


def interrupt(process: "subprocess.Popen[bytes]", number: int = signal.SIGINT) -> int:
    """Send a signal as a terminal does, to the whole group, and return the exit status."""
    os.killpg(process.pid, number)
    return process.wait(STOP_SECONDS)


def _words(process: psutil.Process) -> str:
    """Return a process's command line; nothing where it has ended since it was found."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _named(text: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if text in line]
