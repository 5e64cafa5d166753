"""A real PostgreSQL for alarms and heartbeats, a mail server, and a check that finds what it shall.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.db import connection

from tests.servers import SMTPServer, free_port, shared_database

# isort: split
# Models can be imported once that module has configured Django.
from patterns.failure_check import bounded, kept_in_file, models
from patterns.failure_check.problem import Problem


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[None]:
    yield from shared_database(django_db_blocker)


@pytest.fixture(autouse=True)
def empty_tables(database: None) -> Iterator[None]:
    kept_in_file._memory[0] = kept_in_file.Kept()
    bounded._under_way.clear()
    yield
    connection.close()
    for model in (models.Alarm, models.Heartbeat, models.Sample, models.Run):
        model.objects.all().delete()
    # Other tests of this process may start a server of their own for it.
    connection.close()


class Found:
    """What the check of the tests finds now, and what was notified."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.error: Exception | None = None
        self.wait: Callable[[], object] = lambda: None


found = Found()
notified: list[Any] = []


def check() -> list[Problem]:
    """The check of the tests."""
    found.wait()
    if found.error is not None:
        raise found.error
    return list(found.problems)


def notify(problem: Any) -> None:
    """The plug point of the tests."""
    notified.append(problem)


def problem(name: str = "tap", severity: Any = "warning") -> Problem:
    return Problem(
        name=name, severity=severity, sentence=f"The {name} drips.", remedy="Turn it off."
    )


def age(table: str, column: str, seconds: float, name: str = "") -> None:
    where = "WHERE name = %s" if name else "WHERE %s = ''"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = {column} - make_interval(secs => %s) {where}",
            [seconds, name],
        )


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Path) -> Found:
    """A project with one check, which finds nothing yet, and one path besides mail and log."""
    found.__init__()  # type: ignore[misc]  # as new
    notified.clear()
    settings.FAILURE_CHECKS = (f"{__name__}.check",)
    settings.FAILURE_CHECK_NOTIFY = (f"{__name__}.notify",)
    settings.FAILURE_CHECK_STATE_FILE = str(tmp_path / "alarms.json")
    settings.ADMINS = []
    return found


class Outage:
    """Takes the database away from connections that are made from now on, and gives it back."""

    def __init__(self) -> None:
        self.host = connection.settings_dict["HOST"]

    def begin(self) -> None:
        connection.close()
        connection.settings_dict["HOST"] = "/nowhere"

    def end(self) -> None:
        connection.settings_dict["HOST"] = self.host


@pytest.fixture
def outage(empty_tables: None) -> Iterator[Outage]:
    made = Outage()
    yield made
    made.end()


@pytest.fixture
def smtp(settings: Any) -> Iterator[SMTPServer]:
    server = SMTPServer(port=free_port())
    controller = server.start()
    settings.ADMINS = [("Ops", "ops@example.com")]
    mail_to(settings, server.port)
    yield server
    controller.stop()


def mail_to(settings: Any, port: int) -> None:
    """Deliver to this port, past what Django's test runner put in the place of SMTP."""
    if django.VERSION >= (6, 1):
        options = {"host": "127.0.0.1", "port": port}
        backend = "django.core.mail.backends.smtp.EmailBackend"
        settings.MAILERS = {"delivery": {"BACKEND": backend, "OPTIONS": options}}
    else:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
