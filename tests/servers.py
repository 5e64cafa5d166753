"""The one Django of the kit's test process, and servers that several patterns' tests share.

What needs another Django starts a process.
"""

import asyncio
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from aiosmtpd.controller import Controller
from celery import current_app
from celery.exceptions import CDeprecationWarning
from django.conf import settings

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
# The kit, the generated project's way to run servers, and the tests' own Django apps.
SOURCES = [
    *(str(REPOSITORY), str(REPOSITORY / "{{cookiecutter.project_slug}}"), str(TESTS / "shared")),
    *(str(TESTS / "queued_mail"), str(TESTS / "durable_tasks")),
]
# Behind what is there: the template's folder has a `patterns` and a `tests` of its own.
sys.path.extend(source for source in SOURCES if source not in sys.path)

from development.ports import free_port  # noqa: E402, F401  found through the lines above
from development.postgres import start_postgres  # noqa: E402
from development.server import Server  # noqa: E402
from development.valkey import start_valkey  # noqa: E402, F401
from kit_project import settings as kit_settings  # noqa: E402

NOT_STARTED = "none.invalid"  # the host in the settings until a test has a server
# A worker starts in two seconds on an idle machine; this one may be busy.
DEADLINE_SECONDS = 60.0

if not settings.configured:
    # Not by DJANGO_SETTINGS_MODULE, which every process that another test starts would inherit.
    settings.configure(
        **{name: getattr(kit_settings, name) for name in dir(kit_settings) if name.isupper()}
    )
    django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

with warnings.catch_warnings():
    # Celery 5.7 warns of a task's `queue`, which is where a project with one list of queues has it.
    warnings.filterwarnings("ignore", r"\s*The 'queue' task attribute", CDeprecationWarning)
    for package in filter(kit_settings.is_here, kit_settings.PATTERNS):
        if find_spec(f"{package}.tasks"):
            import_module(f"{package}.tasks")
    # Before tests' own apps define tasks, which would be shared with one that is bound later.
    current_app.finalize()


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
