"""Reading task rows by the indexes, whatever the statistics say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from . import configuration


def read(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement that reads, by the indexes, and return its rows."""
    with by_index(), connections[configuration.database()].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


@contextmanager
def by_index() -> Iterator[None]:
    """Let the queries of a block go by the indexes.

    Statistics are older than a burst of failures, and where they say that many have failed, the
    planner reads the table from end to end; the partial indexes are right at any time.
    """
    alias = configuration.database()
    with transaction.atomic(using=alias, savepoint=False):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT set_config('enable_seqscan', 'off', true)")
        yield
