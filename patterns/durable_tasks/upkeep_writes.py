"""How the relay's upkeep writes: by the indexes, and past what the database refuses."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connections
from django.db.transaction import atomic

from . import configuration, locks
from .publication import BY_INDEX

logger = logging.getLogger(__name__)

# What the database has refused is not asked again at once: publishing is to go on meanwhile.
REST_SECONDS = 10
LOCK_REMEDY = (
    "pg_stat_activity shows which session is idle in transaction; pg_terminate_backend(pid) ends it"
)
COUNT_REMEDY = (
    "give the relay's database role a longer statement_timeout, or VACUUM durable_tasks_task"
)


def say_refused(error: DatabaseError, what: str, remedy: str) -> None:
    """Log what the database refused; raise it where the database is away."""
    if not locks.is_refusal(error):
        raise error
    logger.error("%s: %s. To mend it, %s.", what, str(error).strip(), remedy)


@contextmanager
def transaction() -> Iterator[Any]:
    """Give a cursor in a transaction that no fsync is waited for: all of it can be done again."""
    database = configuration.database()
    with atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(BY_INDEX)
        yield cursor
