"""Wait for other transactions a bounded time: one that hangs stops neither a relay nor a person."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, OperationalError, connections, transaction

from . import configuration
from .errors import TasksHeld

logger = logging.getLogger(__name__)

# What a relay or a person locks, others hold for milliseconds: who holds it for seconds hangs.
LOCK_SECONDS = 3
# Between a relay's statements pass milliseconds. One that is frozen there, or whose machine is
# gone, must not keep the rows that it had in hand.
IDLE_SECONDS = 10
# Between a person's and beat's run the tasks' own hooks, which may do more.
IDLE_SECONDS_OF_HOOKS = 60
LOCK_NOT_AVAILABLE = "55P03"
LOCK_REMEDY = (
    "pg_stat_activity shows which session is idle in transaction; pg_terminate_backend(pid) ends it"
)
READ_ONLY = "25006"  # a primary that became a standby: another server is the database now

# For one transaction alone: behind a pooler the session is somebody else's next.
BOUNDED = f"""
set_config('lock_timeout', '{LOCK_SECONDS}s', true),
    set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s', true)
"""
BOUNDED_AROUND_HOOKS = f"""
set_config('lock_timeout', '{LOCK_SECONDS}s', true),
    set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS_OF_HOOKS}s', true)
"""
_BOUND = f"""
SELECT current_setting('lock_timeout'), set_config('lock_timeout', '{LOCK_SECONDS}s', true)
"""


@contextmanager
def bounded(bounds: str = BOUNDED) -> Iterator[Any]:
    """Give a cursor in a transaction that waits seconds, and holds nothing for long if frozen."""
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(f"SELECT {bounds}")
        yield cursor


@contextmanager
def bounded_for_people() -> Iterator[Any]:
    """Give a cursor in a transaction, which is the caller's where one is open.

    It waits seconds for what another transaction holds, then raises `TasksHeld`: nothing of the
    block is done, and a caller's transaction can go on.
    """
    database = configuration.database()
    is_callers = connections[database].in_atomic_block
    try:
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(_BOUND if is_callers else f"SELECT {BOUNDED_AROUND_HOOKS}")
            before = cursor.fetchone()[0]
            yield cursor
            if is_callers:  # what it waits for afterwards is its own affair
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])
    except OperationalError as error:
        if not is_timeout(error):
            raise
        raise TasksHeld(
            f"Another transaction has held these rows for {LOCK_SECONDS} s: they are as they were."
            " Try again; if it stays so, pg_stat_activity shows which one is idle in transaction,"
            " and pg_terminate_backend(pid) ends it."
        ) from error


def is_timeout(error: BaseException) -> bool:
    """Tell whether a lock was waited for in vain."""
    return _code(error) == LOCK_NOT_AVAILABLE


def is_refusal(error: BaseException) -> bool:
    """Tell whether the database is there and has refused: a lock or a statement took too long,
    a right is missing. What refuses every write is as one that is away."""
    severity = getattr(getattr(error.__cause__, "diag", None), "severity_nonlocalized", None)
    return severity == "ERROR" and _code(error) != READ_ONLY  # others end the connection


def say_refused(error: DatabaseError, what: str, remedy: str = LOCK_REMEDY) -> None:
    """Log what the database refused; raise it where the database is away."""
    if not is_refusal(error):
        raise error
    logger.error("%s: %s. To mend it, %s.", what, str(error).strip(), remedy)


def _code(error: BaseException) -> str:
    return str(getattr(error.__cause__, "sqlstate", None) or "")
