"""A generated shop as the demo runs it: made in a build folder, started by its own one command."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from celery import Celery
from dotenv import dotenv_values

# A first start installs the shop's packages; on a slow line that takes minutes.
START_SECONDS = 600
# What stops in order: workers finish or put back what they run, then the servers.
STOP_SECONDS = 40


class DemoFailed(Exception):
    """The demo cannot go on; the message names the culprit and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the running shop answers; `staff_password` is that of the staff user it made."""

    shop: str
    admin: str
    flower: str
    mails: str
    payments: str
    staff_email: str
    staff_password: str


def make_shop(repository: Path, build: Path) -> Path:
    """Generate a fresh shop below `build`, and return its folder.

    The environment of an earlier demo is kept: it is what takes longest to make.
    """
    folder = build / "all_clear_shop"
    environment, kept = folder / ".venv", build / "kept-environment"
    if environment.exists():
        shutil.rmtree(kept, ignore_errors=True)
        environment.rename(kept)
    shutil.rmtree(folder, ignore_errors=True)
    command = [*(sys.executable, "-m", "cookiecutter", "--no-input"), "--output-dir", str(build)]
    made = subprocess.run(
        [*command, str(repository)],
        env=os.environ | {"COOKIECUTTER_CONFIG": os.devnull},
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise DemoFailed(f"the template could not be generated: {made.stderr.strip()}")
    if kept.exists():
        kept.rename(environment)
    return folder


class Shop:
    """One shop's processes: `uv run start.py` and all that it starts."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of a generated shop."""
        self.folder = folder
        self.log = folder.parent / "shop.log"
        self.ready_file = folder.parent / "ready.json"

    @property
    def addresses(self) -> Addresses:
        """Where the shop answers, as its own start wrote it down."""
        ready = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return Addresses(**{name: ready[name] for name in Addresses.__dataclass_fields__})

    @property
    def servers(self) -> dict[str, str | None]:
        """The addresses and ports of what runs, by the names of their environment variables."""
        return dotenv_values(self.folder / "var" / "servers.env")

    def start(self) -> None:
        """Start everything on free ports and wait until the shop answers."""
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.uv("start.py", "--free-ports", "--ready-file", str(self.ready_file)),
                cwd=self.folder,
                env=outside_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which then stops the shop in order.
                start_new_session=True,
            )
        self.watch()
        deadline = time.monotonic() + START_SECONDS
        while not self.ready_file.exists():
            if self.process.poll() is not None:
                raise DemoFailed(f"the shop did not start:\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"the shop was not ready in {START_SECONDS} s; see {self.log}")
            time.sleep(0.1)

    def watch(self) -> None:
        """Let the shop end with the demo, also with one that is killed without warning.

        The watcher reads from a pipe whose other end closes with this process, however it ends.
        """
        self.watcher = subprocess.Popen(
            ["sh", "-c", 'read _; kill -TERM "$1"', "watcher", str(self.process.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_for_workers(self) -> None:
        """Wait until every worker of the shop answers, so that no chapter measures their start."""
        procfile = (self.folder / "Procfile").read_text(encoding="utf-8")
        expected = len(re.findall(r"celery -A config worker ", procfile))
        with Celery(broker=str(self.servers["BROKER_URL"])) as app:
            while len(app.control.ping(timeout=1, limit=expected) or ()) < expected:
                if self.process.poll() is not None:
                    raise DemoFailed(f"the shop ended by itself:\n{self.last_lines()}")

    def waiting_tasks(self, queue: str) -> int:
        """Count the durable tasks of a queue that no worker has begun."""
        statement = "SELECT count(*) FROM durable_tasks_task WHERE queue = %s AND state < 3"
        with psycopg.connect(str(self.servers["DATABASE_URL"])) as database:
            row = database.execute(statement, [queue]).fetchone()
        return int(row[0]) if row else 0

    def run(self, *command: str) -> str:
        """Run a command of the running shop, and return what it printed."""
        done = subprocess.run(
            self.uv(*command),
            cwd=self.folder,
            env=outside_environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DemoFailed(f"`{' '.join(command)}` failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def wait(self) -> None:
        """Wait until the shop ends by itself, which is a failure."""
        self.process.wait()
        raise DemoFailed(f"the shop ended by itself:\n{self.last_lines()}")

    def stop(self) -> None:
        """Stop what `start` started, in order; at once where that takes too long."""
        if not hasattr(self, "process"):
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.watcher.kill()
        self.watcher.communicate()

    def last_lines(self) -> str:
        """Return the end of what the shop's processes printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-25:])

    def uv(self, *command: str) -> list[str]:
        """Return the command line that runs `command` in the shop's own environment."""
        uv = shutil.which("uv")
        if uv is None:
            raise DemoFailed("uv is missing: run the demo as `nox -s demo`, which brings it")
        return [uv, "run", "--quiet", "--python", sys.executable, *command]


def outside_environment() -> dict[str, str]:
    """Return the environment without what belongs to the demo's own virtual environment."""
    ours = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in ours}
