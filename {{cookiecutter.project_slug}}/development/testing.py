"""What the tests' fixtures stand on: servers, processes, and the settings pointed at them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from celery._state import _get_active_apps  # type: ignore[attr-defined]  # not in the stubs
from django.apps import apps
from django.conf import settings
from django.db import connection
from kombu import pools

from development.ports import free_port
from development.reaper import BELONGS_TO

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60.0  # a worker is ready within 2; a machine full of parallel tests takes longer
STOP_SECONDS = 15.0


@contextmanager
def point_at_broker(pytest_settings: Any, name: str, module: str, url: str) -> Iterator[None]:
    """Let the settings and the Celery app of `module` use the broker at `url` meanwhile."""
    app = import_module(module).app
    before = app.conf.broker_url  # read first: Celery may not have read its settings yet
    setattr(pytest_settings, name, url)
    _switch(app, url)
    try:
        yield
    finally:
        _switch(app, before)


def _switch(app: Any, url: str) -> None:
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = url
    # Celery keeps its connections for life. kombu closes and forgets them all at once only, and
    # each app has to forget them with it: a closed pool that is kept waits for ever.
    pools.reset()
    for each in _get_active_apps():
        each._pool = None
        each.amqp._producer_pool = None


def point_at_smtp(pytest_settings: Any, port: int) -> None:
    """Let the settings, and workers started from now on, deliver to this SMTP server."""
    pytest_settings.EMAIL_HOST, pytest_settings.EMAIL_PORT = "127.0.0.1", port
    pytest_settings.EMAIL_HOST_USER = pytest_settings.EMAIL_HOST_PASSWORD = ""
    pytest_settings.EMAIL_USE_TLS = pytest_settings.EMAIL_USE_SSL = False


def point_at_provider(pytest_settings: Any, url: str, api_key: str) -> None:
    """Let the settings, and workers started from now on, charge at this provider."""
    pytest_settings.PAYMENTS_URL, pytest_settings.PAYMENTS_API_KEY = url, api_key


class SmtpServer:
    """A real SMTP server in a thread.

    `messages` are the envelopes in order of arrival (`mail_from`, `rcpt_tos`, `content` as bytes);
    each takes `delay_seconds`, and the next `refuse_next` are answered with 451. While `refusal` is
    set ("550 no"), that is the answer to each; `offers` counts what was offered.
    """

    def __init__(self) -> None:
        """Record nothing yet."""
        self.messages: list[Envelope] = []
        self.delay_seconds = 0.0
        self.refuse_next = self.offers = 0
        self.refusal = ""
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=60)

    @property
    def url(self) -> str:
        """What EMAIL_URL would be."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one message, as told."""
        self.offers += 1
        await asyncio.sleep(self.delay_seconds)
        if self.refusal:
            return self.refusal
        if self.refuse_next > 0:
            self.refuse_next -= 1
            return "451 told to refuse"
        self.messages.append(envelope)
        return "250 OK"

    def __enter__(self) -> Self:
        """Listen."""
        self._controller.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End the thread and its connections."""
        self._controller.stop()


class PaymentProvider:
    """The provider's separate process."""

    def __init__(self, api_key: str, folder: str) -> None:
        """Choose a port; the process belongs to `folder`."""
        self.api_key = api_key
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {"PAYMENTS_API_KEY": api_key, BELONGS_TO: folder}

    def control(self, **control: float) -> dict[str, Any]:
        """Tell the provider how to misbehave, and return all that it was told."""
        return self._ask("/control", control)

    def charges(self) -> dict[str, Any]:
        """Return what was charged: {"charges": [...], "attempts": n}."""
        return self._ask("/charges")

    def __enter__(self) -> Self:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "development.payment_provider", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL
        )
        wait_for(self._answers, self._process, "the payment provider")
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        stop(self._process)

    def _answers(self) -> bool:
        try:
            return "status" in self._ask("/health")
        except OSError:
            return False

    def _ask(self, path: str, body: Mapping[str, float] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=content)  # noqa: S310  our own process
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own process
            result: dict[str, Any] = json.load(answer)
        return result


class WorkerProcesses:
    """Real `celery worker` processes on the test's own database, brokers, mail server, provider.

    With the first one comes a relay, which brings the workers their tasks.
    """

    def __init__(self, logs: Path, folder: str) -> None:
        """Write the workers' output to `logs`; the processes belong to `folder`."""
        self._logs = logs
        self._folder = folder
        self._stack = ExitStack()
        self._relay: subprocess.Popen[bytes] | None = None

    def start(
        self, queue: str, *, app: str = "config", env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start one worker for `queue` and return its process once it takes tasks.

        What the process wrote is in the file `process.log_path`. It is stopped after the test.
        """
        name = f"{queue}-{free_port()}"
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue, "-c", "1"]
        command += ["-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO"]
        process = self._run(name, command, env or {})
        if self._relay is None:  # it starts while the worker does
            self._relay = self._run("relay", [sys.executable, "manage.py", "relay"], env or {})
        log = process.log_path  # type: ignore[attr-defined]
        wait_for(lambda: b" ready." in log.read_bytes(), process, name, log)
        return process

    def _run(
        self, name: str, command: list[str], env: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=worker_environment() | {BELONGS_TO: self._folder} | dict(env),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process.log_path = log  # type: ignore[attr-defined]
        self._stack.callback(stop, process)
        return process

    def __enter__(self) -> Self:
        """Start none yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop all that were started."""
        self._stack.close()


class WebProcesses:
    """Real `gunicorn` processes, as the Procfile starts them, on the test's own database.

    The `worker_environment()` is theirs, and what a test adds.
    """

    def __init__(self, logs: Path, folder: str) -> None:
        """Write their output to `logs`; the processes belong to `folder`."""
        self._logs = logs
        self._folder = folder
        self._stack = ExitStack()

    def start(self, **env: str) -> "subprocess.Popen[bytes]":
        """Start one and return its process once it answers, at the address `process.url`.

        What it wrote is in the file `process.log_path`. It is stopped after the test.
        """
        port = free_port()
        log = self._logs / f"web-{port}.log"
        command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"]
        own = {"PORT": str(port), "WEB_CONCURRENCY": "1", BELONGS_TO: self._folder}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "config.wsgi"],
                cwd=ROOT,
                env=worker_environment() | own | env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stack.callback(stop, process)
        process.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        process.log_path = log  # type: ignore[attr-defined]
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/health/live"), process, "web", log)
        return process

    def __enter__(self) -> Self:
        """Start none yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop all that were started."""
        self._stack.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own process
            return int(answer.status) == 200
    except OSError:
        return False


def enqueued(queue: str) -> int:
    """Count the durable tasks of a queue that have not succeeded (yet)."""
    return int(apps.get_model("durable_tasks", "TaskRow").objects.filter(queue=queue).count())


def worker_environment() -> dict[str, str]:
    """Return the environment of a process that shall see what the test sees now."""
    return dict(os.environ) | {
        "DATABASE_URL": _test_database_url(),
        "BROKER_URL": settings.BROKER_URL,
        "ANALYTICS_BROKER_URL": settings.ANALYTICS_BROKER_URL,  # analytics
        "EMAIL_URL": f"smtp://{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
        "PAYMENTS_URL": settings.PAYMENTS_URL,
        "PAYMENTS_API_KEY": settings.PAYMENTS_API_KEY,
    }


def _test_database_url() -> str:
    # The tests' database has a name of its own, which only the open connection knows.
    name = quote(str(connection.settings_dict["NAME"]), safe="")
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def wait_for(
    is_ready: Any, process: "subprocess.Popen[bytes]", name: str, log: Path | None = None
) -> None:
    """Wait until `is_ready()`; fail, with the log, when the process ends or takes too long."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        # Asked first: what is ready and ends before the next look was ready.
        is_over = process.poll() is not None or time.monotonic() > deadline
        if is_ready():
            return
        if is_over:
            stop(process)
            words = log.read_text(errors="replace") if log else ""
            raise AssertionError(f"{name} did not become ready:\n{words}")
        time.sleep(0.02)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process in order, and kill it where that takes too long, with its children.

    Also the children of one that a test has killed: they would go on with their tasks.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
