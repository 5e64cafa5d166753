"""A real PostgreSQL for the ledger, and runs of an effect in threads and processes of their own.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tests.servers import (
    DEADLINE_SECONDS,
    SOURCES,
    eventually,
    shared_database,
)

# isort: split
# Models can be imported once that module has configured Django.
from patterns.idempotency.models import Effect

Asked = list[str]


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[None]:
    yield from shared_database(django_db_blocker)


@pytest.fixture(autouse=True)
def empty_ledger(database: None) -> Iterator[None]:
    yield
    connection.close()
    Effect.objects.all().delete()
    # Other tests of this process may start a server of their own for it.
    connection.close()


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Any]]:
    """Return a function that runs another in a thread, with a connection of its own."""
    threads: list[threading.Thread] = []

    def start(function: Callable[..., Any], *args: Any) -> threading.Thread:
        def run() -> None:
            try:
                function(*args)
            finally:
                connection.close()

        thread = threading.Thread(target=run, daemon=True)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


class Process:
    """A Python process with the same Django, on the same database, that says lines."""

    def __init__(self, code: str) -> None:
        """Start it; `code` runs after `django.setup()`."""
        self.name = f"ledger test {uuid4()}"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(SOURCES),
            "DJANGO_SETTINGS_MODULE": "kit_project.settings",
            "QUEUED_MAIL_TEST_DATABASE_HOST": connection.settings_dict["HOST"],
            # By which its sessions are told from those that other tests have not ended yet.
            "PGAPPNAME": self.name,
        }
        self.popen = subprocess.Popen(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, line: str) -> None:
        """Wait for its next line, and require it."""
        assert self.popen.stdout is not None
        said = self.popen.stdout.readline()
        assert said == f"{line}\n", said + (self.end() if not said else "")

    def tell(self, line: str) -> None:
        """Give it a line to read."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def end(self) -> str:
        """Wait until it has ended, and return what it said since."""
        out, error = self.popen.communicate(timeout=DEADLINE_SECONDS)
        return out + error

    def kill(self) -> None:
        """Kill it as `kill -9` does, and wait until the database has noticed."""
        self.popen.kill()
        self.popen.communicate()
        eventually(lambda: sessions_of(self.name) == 0)


def sessions_of(name: str) -> int:
    """Return how many sessions of the database belong to a process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [name])
        return int(cursor.fetchone()[0])


@pytest.fixture
def process() -> Iterator[Callable[[str], Process]]:
    """Return a function that starts a process; what is left of it ends with the test."""
    started: list[Process] = []

    def start(code: str) -> Process:
        started.append(Process(code))
        return started[-1]

    yield start
    for each in started:
        each.popen.kill()
        each.popen.communicate()
