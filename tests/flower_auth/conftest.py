"""A real Flower in a project of its own: PostgreSQL, Valkey, people, a worker, and browsers."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
# The generated project's own way to run the servers that come as wheels.
sys.path.append(str(REPOSITORY / "{{cookiecutter.project_slug}}"))

from development.ports import free_port  # noqa: E402  found through the line above
from development.postgres import start_postgres  # noqa: E402
from development.server import Server  # noqa: E402
from development.valkey import start_valkey  # noqa: E402

# A start takes two seconds on a machine with nothing else to do, and such a machine is rare.
DEADLINE_SECONDS = 60.0
TOKEN = "a-token-of-the-tests"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that a test started, and what it wrote."""

    running: "subprocess.Popen[bytes]"
    log: Path

    @property
    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.running.poll() is None:
            self.running.send_signal(number)
        return self.running.wait(DEADLINE_SECONDS)

    def end(self) -> None:
        """Have it end in order, so that coverage keeps what it ran; kill what does not."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.stop(signal.SIGKILL)


@dataclass(frozen=True, kw_only=True)
class Flower(Process):
    """A running Flower; `get` and `send` are a browser's, with the session cookie given."""

    port: int
    browser: httpx.Client
    prefix: str = "/flower"

    def get(self, path: str, cookie: str | None = None, **options: Any) -> httpx.Response:
        return self.send("GET", path, cookie, **options)

    def send(
        self, method: str, path: str, cookie: str | None = None, **options: Any
    ) -> httpx.Response:
        """Ask for a path under the prefix, redirects not followed."""
        headers = dict(options.pop("headers", PAGE))
        if cookie is not None:
            headers["Cookie"] = f"sessionid={cookie}"
        url = f"http://127.0.0.1:{self.port}{self.prefix}{path}"
        self.browser.cookies.clear()
        return self.browser.request(method, url, headers=headers, **options)


class People:
    """The process that makes users and sessions, since each test run has only one Django."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "project.people"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, order: str, **arguments: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([order, arguments]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def meet(self, name: str = "person", **fields: Any) -> tuple[str, str]:
        """Make somebody, staff or whatever the fields say; return their name and session cookie."""
        unique = f"{name}-{secrets.token_hex(6)}"
        return unique, str(self.ask("log_in", username=unique, **fields))

    def log_in(self, name: str = "person", **fields: Any) -> str:
        """Make somebody as `meet` does, and return their session cookie alone."""
        return self.meet(name, **fields)[1]

    def allowed(self, **fields: Any) -> str:
        """Make somebody of the staff with the permission; return their session cookie."""
        return self.log_in(is_staff=True, may_see=True, **fields)

    def end(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(DEADLINE_SECONDS)
        self.process.stdout.close()


class Project:
    """The smallest project with the pattern, on servers of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.start_database()
        self.broker = self.start_broker("broker")
        self.cache = self.start_broker("cache")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{REPOSITORY}:{HERE}",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "SECRET_KEY": secrets.token_urlsafe(40),
            "DATABASE_URL": self.database.url,
            "BROKER_URL": self.broker.url,
            "CACHE_URL": self.cache.url,
            "FLOWER_METRICS_TOKEN": TOKEN,
        }
        self.people = self.start_people()
        self.people.ask("migrate")

    def start_database(self) -> Server:
        """Start PostgreSQL, for the first time or on what it has."""
        server = start_postgres(self.folder / "postgres", database="shop", durable=False)
        self.stack.callback(server.stop)
        self.database = server
        return server

    def start_broker(self, name: str, port: int | None = None) -> Server:
        server = start_valkey(self.folder / name, port=port, durable=False)
        self.stack.callback(server.stop)
        return server

    def start_people(self, **environment: str) -> People:
        people = People(self.environment | environment)
        self.stack.callback(people.end)
        return people

    def run(self, name: str, *arguments: str, **environment: str) -> tuple[Any, Path]:
        """Start `celery ARGUMENTS`; return its process and the file with what it writes."""
        log = self.folder / f"{name}-{secrets.token_hex(4)}.log"
        state = {"FLOWER_STATE": str(log.with_suffix(".state"))}
        with log.open("wb") as output:
            running = subprocess.Popen(
                [sys.executable, "-m", "celery", *arguments],
                cwd=self.folder,
                env=self.environment | state | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return running, log

    def start_flower(
        self, *arguments: str, app: str = "project.celery", **environment: str
    ) -> Flower:
        """Start Flower on a free port and wait until it answers."""
        port = free_port()
        running, log = self.run(
            "flower", "-A", app, "flower", f"--port={port}", *arguments, **environment
        )
        # No environment: a proxy for this machine's clients would be asked for loopback too.
        browser = httpx.Client(timeout=DEADLINE_SECONDS, trust_env=False)
        flower = Flower(running=running, log=log, port=port, browser=browser)
        self.stack.callback(browser.close)
        self.stack.callback(flower.end)
        wait_for("Flower to answer", lambda: answers(flower))
        return flower

    def refused_flower(
        self, *arguments: str, app: str = "project.celery", **environment: str
    ) -> Process:
        """Start a Flower that is expected to end by itself, and wait for its end."""
        words = ("-A", app, "flower", f"--port={free_port()}", *arguments)
        running, log = self.run("refused", *words, **environment)
        self.stack.callback(running.wait)
        self.stack.callback(running.kill)
        running.wait(DEADLINE_SECONDS)
        return Process(running=running, log=log)

    def start_worker(self) -> Process:
        """Start a solo worker and wait until it takes tasks."""
        arguments = ("-A", "project.celery", "worker", "-P", "solo", "-E", "-l", "INFO")
        running, log = self.run("worker", *arguments, "--without-gossip", "--without-mingle")
        worker = Process(running=running, log=log)
        self.stack.callback(worker.stop, signal.SIGKILL)
        wait_for("the worker to be ready", lambda: " ready." in worker.words)
        return worker

    def enqueue(self, *names: str) -> None:
        """Let one task run for each name."""
        code = "import sys; from project.celery import greet; list(map(greet.delay, sys.argv[1:]))"
        subprocess.run([sys.executable, "-c", code, *names], env=self.environment, check=True)


def answers(flower: Flower) -> bool:
    assert flower.running.poll() is None, f"Flower ended:\n{flower.words}"
    try:
        return bool(flower.get("/healthcheck").status_code)
    except httpx.TransportError:
        return False


Found = TypeVar("Found")


def wait_for(what: str, find: Callable[[], Found | None]) -> Found:
    """Return what `find` returns once it is true; fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what}")


@pytest.fixture(scope="session")
def shared_project() -> Iterator[Project]:
    """One set of servers for the tests that break none of them."""
    yield from made_project()


@pytest.fixture
def project() -> Iterator[Project]:
    """Servers of the test's own, to be stopped and frozen."""
    yield from made_project()


def made_project() -> Iterator[Project]:
    # A socket's path must be short, and pytest's own folders are long.
    folder = Path(tempfile.mkdtemp(prefix="flower-", dir="/tmp"))
    try:
        with ExitStack() as stack:
            yield Project(folder, stack)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def flower(shared_project: Project) -> Flower:
    """A Flower that every test may ask, and none may stop."""
    return shared_project.start_flower()


@pytest.fixture(scope="session")
def acting_flower(shared_project: Project) -> Flower:
    """A Flower whose configuration allows its actions."""
    return shared_project.start_flower(ALLOW_ACTIONS="1")


@pytest.fixture(scope="session")
def people(shared_project: Project) -> People:
    return shared_project.people
