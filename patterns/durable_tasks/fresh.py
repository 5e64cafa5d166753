"""Connections of their own, for writes that must not wait for, or be part of, anything else."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections
from psycopg.pq import TransactionStatus

from . import configuration

logger = logging.getLogger(__name__)

# A worker's parent has an event loop to run, and a lease to fall back on.
PATIENCE_SECONDS = 3


@contextmanager
def cursor(patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Any]:
    """Give a cursor on a new connection, in a transaction that the block's end commits.

    Each statement waits so long at most. Raises what the database raises; nothing stays open.
    """
    connection = connections.create_connection(configuration.database())
    options = dict(connection.settings_dict.get("OPTIONS") or {})
    options["connect_timeout"] = max(2, int(patience_seconds))  # libpq takes less for 2
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    try:
        connection.set_autocommit(False)
        with connection.cursor() as opened:
            milliseconds = int(patience_seconds * 1000)
            # For this transaction alone: behind a pooler the session is somebody else's next.
            opened.execute(
                "SELECT set_config('lock_timeout', %s, true),"
                " set_config('statement_timeout', %s, true),"
                # A machine that vanishes between two statements must not hold their locks.
                " set_config('idle_in_transaction_session_timeout', '10s', true)",
                [str(milliseconds), str(milliseconds)],
            )
            yield opened
        connection.commit()
    finally:
        connection.close()


def execute(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement on a new connection and return its rows."""
    with cursor() as opened:
        opened.execute(statement, parameters)
        return list(opened.fetchall()) if opened.description else []


def drop_own() -> None:
    """Close this thread's own connection, whatever state an interrupted block has left it in.

    A time limit may strike inside Django's `atomic()` itself: the connection then counts as in a
    transaction for ever, `close()` does not close it, and every later task of the process would
    fail. For the worker alone, where no block can be open when this is called.
    """
    connection = connections[configuration.database()]
    connection.in_atomic_block = connection.closed_in_transaction = False
    connection.close()
    connection.connection, connection.atomic_blocks, connection.savepoint_ids = None, [], []


def canceller() -> Callable[[], None]:
    """Return what stops the statement of this thread's own session, also when that was closed here.

    A time limit's exception leaves the statement at work in the server, with its locks: psycopg
    stops it for Ctrl-C alone, and Django then closes the connection. Raises nothing.
    """
    connection: Any = connections[configuration.database()]
    raw = connection.connection
    if raw is None:
        return lambda: None
    asked, pid = raw.pgconn.get_cancel(), raw.info.backend_pid

    def cancel() -> None:
        if not raw.closed and raw.pgconn.transaction_status != TransactionStatus.ACTIVE:
            return  # nothing is at work, and what comes next on it must not be stopped
        try:
            asked.cancel()
        except Exception as error:
            logger.warning("A statement of session %s may be still at work: %s", pid, error)

    return cancel


def is_stuck() -> bool:
    """Tell whether a block that nobody is in any more is still open."""
    connection = connections[configuration.database()]
    return bool(
        connection.in_atomic_block or connection.atomic_blocks or connection.closed_in_transaction
    )
