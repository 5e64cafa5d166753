"""Real servers for queued mail: PostgreSQL, Valkey, an SMTP server, and Celery workers.

This is the one Django of the kit's test process; what needs another one starts a process.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import django
import kombu.pools
import pytest
from aiosmtpd.controller import Controller
from django.conf import settings

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
# The kit, the generated project's way to run servers, and the smallest project with the pattern.
SOURCES = [
    *(str(REPOSITORY), str(REPOSITORY / "{{cookiecutter.project_slug}}"), str(HERE)),
    str(HERE.parent / "durable_tasks"),
]
# Behind what is there: the template's folder has a `patterns` and a `tests` of its own.
sys.path.extend(source for source in SOURCES if source not in sys.path)

from development.ports import free_port  # noqa: E402  found through the lines above
from development.postgres import start_postgres  # noqa: E402
from development.server import Server  # noqa: E402
from development.valkey import start_valkey  # noqa: E402
from mail_shop import settings as shop_settings  # noqa: E402

NOT_STARTED = "none.invalid"  # the host in the settings until a test has a server
# A worker starts in two seconds on an idle machine; this one may be busy.
DEADLINE_SECONDS = 60.0

if not settings.configured:
    # Not by DJANGO_SETTINGS_MODULE, which every process that another test starts would inherit.
    settings.configure(
        **{name: getattr(shop_settings, name) for name in dir(shop_settings) if name.isupper()}
    )
    django.setup()

from celery import current_app  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.mail.backends.smtp import EmailBackend  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from mail_shop.celery import app  # noqa: E402
from mail_shop.models import Order  # noqa: E402

from patterns.durable_tasks.models import Event, TaskRow  # noqa: E402
from patterns.queued_mail import publication  # noqa: E402
from patterns.queued_mail.models import QueuedMail  # noqa: E402

# In here, not in a test, where every warning is an error: Celery 5.7 warns of a task's `queue`,
# which is where a project with one list of queues looks for it.
app.autodiscover_tasks(force=True)
app.finalize()


def eventually(is_so: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := is_so()):
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.05)
    return result


def shared_database(django_db_blocker: Any) -> Iterator[None]:
    """Start a PostgreSQL, unless other tests of this process have one."""
    if connection.settings_dict["HOST"] != NOT_STARTED:
        with django_db_blocker.unblock():
            yield
        return
    with migrated_postgres(django_db_blocker):
        yield


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[Server]:
    with migrated_postgres(django_db_blocker) as server:
        yield server


@contextmanager
def migrated_postgres(django_db_blocker: Any) -> Iterator[Server]:
    """Start a PostgreSQL for this process's Django, and stop it.

    Not in pytest's folder: where root runs the tests, PostgreSQL is another user, and any pytest
    that starts meanwhile closes its folder, and what is in it, to others.
    """
    with TemporaryDirectory(prefix="postgres-") as folder, django_db_blocker.unblock():
        server = start_postgres(Path(folder), database="shop", durable=False)
        try:
            connection.close()  # of other tests, to their server
            connection.settings_dict["HOST"] = socket_folder(server.url)
            call_command("migrate", run_syncdb=True, verbosity=0)
            yield server
        finally:
            connection.close()
            server.stop()


def socket_folder(url: str) -> str:
    return unquote(urlsplit(url).netloc.rpartition("@")[2])


@pytest.fixture(autouse=True)
def empty_tables(database: Server) -> Iterator[None]:
    yield
    connection.close()
    for model in (QueuedMail, TaskRow, Event):
        model.objects.all().delete()
    Order.objects.all().delete()
    User.objects.all().delete()


@pytest.fixture(autouse=True)
def real_backend(settings: Any, smtp: "SMTPServer") -> None:
    """Undo what Django's test runner does to mail, and deliver to the test's server."""
    if django.VERSION >= (6, 1):
        mailers = {alias: dict(mailer) for alias, mailer in shop_settings.MAILERS.items()}
        mailers["delivery"]["OPTIONS"] = {"host": "127.0.0.1", "port": smtp.port, "timeout": 10}
        settings.MAILERS = mailers
    else:
        settings.EMAIL_BACKEND = shop_settings.EMAIL_BACKEND
        settings.EMAIL_PORT = smtp.port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", durable=False)
    publish_to(server.url)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def closed_pools() -> Iterator[None]:
    """Publish nowhere unless a test says where: a closed port refuses at once."""
    publish_to("redis://127.0.0.1:1/0")
    yield
    publish_to("redis://127.0.0.1:1/0")


def publish_to(url: str) -> None:
    app.set_default()
    app.conf.broker_url = url
    kombu.pools.reset()
    app._after_fork()
    publication.Pause.until = 0.0
    assert current_app.conf.broker_url == url


@dataclass
class SMTPServer:
    """A real SMTP server that records what it takes, and can be told to misbehave."""

    port: int
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    replies_to_recipients: dict[str, str] = field(default_factory=dict)
    replies_to_data: list[str] = field(default_factory=list)
    reply_to_quit: str = "221 Bye"
    delay_seconds: float = 0.0
    offers: int = 0
    goes_on: bool = False
    wants_login: bool = False
    takes_before_it_waits: bool = False

    def go_on(self) -> None:
        """Answer at once, also those who wait."""
        self.goes_on = True

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, to: str, options: Any
    ) -> str:
        if to in self.replies_to_recipients:
            return self.replies_to_recipients[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.offers += 1
        if self.takes_before_it_waits:
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        until = time.monotonic() + self.delay_seconds
        while time.monotonic() < until and not self.goes_on:
            await asyncio.sleep(0.01)
        if self.replies_to_data:
            return self.replies_to_data.pop(0)
        if self.takes_before_it_waits:
            return "250 OK"
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.reply_to_quit

    def start(self) -> Controller:
        controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            data_size_limit=50_000_000,
            ready_timeout=60,  # seconds
            auth_required=self.wants_login,
        )
        controller.start()
        return controller


@pytest.fixture
def smtp() -> Iterator[SMTPServer]:
    server = SMTPServer(port=free_port())
    controller = server.start()
    yield server
    controller.stop()


@pytest.fixture
def smtp_down(settings: Any) -> SMTPServer:
    """A server that is not started yet."""
    server = SMTPServer(port=free_port())
    deliver_to(settings, server.port)
    return server


def deliver_to(settings: Any, port: int, **options: Any) -> None:
    if django.VERSION >= (6, 1):
        options = {"host": "127.0.0.1", "port": port, "timeout": 10, **options}
        delivery = {**settings.MAILERS["delivery"], "OPTIONS": options}
        settings.MAILERS = {**settings.MAILERS, "delivery": delivery}
        return
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    settings.EMAIL_PORT = port
    for name, value in options.items():
        setattr(settings, names.get(name, f"EMAIL_{name.upper()}"), value)


@dataclass
class Worker:
    """A running `celery worker`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End the whole worker, children too, as a machine that loses power does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def start(database: Server, broker: Server, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return a function that starts a process of the shop, every warning an error."""
    processes: list[Worker] = []

    def begin(*command: str, **environment: str) -> Worker:
        log = tmp_path / f"process-{len(processes)}.log"
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(SOURCES),
            "DJANGO_SETTINGS_MODULE": "mail_shop.settings",
            "QUEUED_MAIL_TEST_DATABASE_HOST": socket_folder(database.url),
            "QUEUED_MAIL_TEST_BROKER": broker.url,
            "QUEUED_MAIL_TEST_FLAG": str(tmp_path / "flag"),
            **environment,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", *command],
                env=variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        processes.append(Worker(process=process, log=log))
        return processes[-1]

    yield begin
    for process in processes:
        process.stop()


@pytest.fixture
def start_worker(start: Callable[..., Worker]) -> Callable[..., Worker]:
    """Return a function that starts a worker and waits until it takes tasks."""
    numbers = count()

    def begin(smtp_port: int, **environment: str) -> Worker:
        command = ["-m", "celery", "-A", "mail_shop", "worker", "-Q", "mail", "-c", "1"]
        command += ["-n", f"w{next(numbers)}@test", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle"]
        worker = start(*command, QUEUED_MAIL_TEST_SMTP_PORT=str(smtp_port), **environment)
        eventually(lambda: has_said(worker, " ready."))
        return worker

    return begin


def has_said(worker: Worker, text: str) -> bool:
    has_ended = worker.process.poll() is not None  # first: it may say so and end between two looks
    if text in worker.words:
        return True
    assert not has_ended, worker.words
    return False


def plain_smtp_connection(port: int) -> Any:
    """Return Django's own SMTP backend, without the queue."""
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    return (
        EmailBackend(alias="plain", **options)
        if django.VERSION >= (6, 1)
        else EmailBackend(**options)
    )
