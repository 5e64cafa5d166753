"""Processes wait for what they need: the database, its migrations, the broker.

They start together, so each waits for ever, and says now and then for what and what to do.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from kombu import Connection

logger = logging.getLogger(__name__)

# Short, so that a process is there when the thing is.
PAUSE_SECONDS = 0.5
# Long enough not to fill a log, short enough for somebody who watches.
REMINDER_SECONDS = 15


class NotReady(Exception):
    """What is missing, and what to do."""


def wait_until_ready(
    *, database: bool = True, migrations: bool = True, broker: bool = False, broker_url: str = ""
) -> None:
    """Return when the named things are there; wait for ever, a line now and then.

    `broker` is the shop's own (BROKER_URL); `broker_url` names another one. Leaves no database
    connection open: the caller may fork.
    """
    try:
        if database or migrations:
            _wait_for("the database", check_database)
        if migrations:
            _wait_for("the migrations", check_migrations)
        if broker or broker_url:
            url = broker_url or settings.BROKER_URL
            _wait_for("the broker", lambda: _check_broker(url))
    finally:
        connections.close_all()


def _wait_for(what: str, check: Callable[[], None]) -> None:
    started = time.monotonic()
    said = None
    while True:
        try:
            check()
        except NotReady as missing:
            if said is None or time.monotonic() - said >= REMINDER_SECONDS:
                said = time.monotonic()
                logger.warning("Waiting for %s: %s", what, missing)
            time.sleep(PAUSE_SECONDS)
        else:
            if said is not None:
                logger.info("Waited %.1f s for %s.", time.monotonic() - started, what)
            return


def check_database() -> None:
    """Raise `NotReady` where the database takes no new connection that may write."""
    try:
        connection.close()
        connection.ensure_connection()
    except DatabaseError as error:
        raise NotReady(f"{_line(error)} Start it, or correct DATABASE_URL.") from error


def check_migrations() -> None:
    """Raise `NotReady` where migrations are not applied."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        connection.close()
        raise NotReady(_line(error)) from error
    if plan:
        raise NotReady(f"{len(plan)} are not applied. Run `python manage.py migrate`.")


def _check_broker(url: str) -> None:
    # Seconds: a frozen broker is asked again, not waited for.
    options = {"socket_connect_timeout": 2, "socket_timeout": 2}
    with Connection(url, connect_timeout=2, transport_options=options) as broker:
        try:
            broker.connect()
        except broker.recoverable_connection_errors as error:
            where = broker.as_uri()
            raise NotReady(f"{where}: {_line(error)} Start it, or correct its URL.") from error


def _line(error: BaseException) -> str:
    """Return an error's message as one line that ends in a full stop."""
    return " ".join(str(error).split()).rstrip(".") + "."
