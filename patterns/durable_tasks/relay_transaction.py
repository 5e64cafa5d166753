"""Transactions of the relay that read in an index's order, whatever the statistics say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from . import configuration
from .locks import BOUNDED

# Where the statistics are older than a burst of tasks, a planner that trusts them reads and sorts
# all of it, for each window; the index's order needs no statistics. And no fsync is waited for.
# Nor is any transaction waited for that hangs, nor one kept open by a relay that is frozen.
_BY_INDEX = f"""
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true),
    {BOUNDED}
"""


@contextmanager
def relay_transaction() -> Iterator[Any]:
    """Give a cursor in a transaction that no fsync is waited for: all of it can be done again."""
    database = configuration.database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(_BY_INDEX)
        yield cursor
