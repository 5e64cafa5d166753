"""Find queues that have tasks and no row yet: what relays share of a queue is in its row."""

import time

from django.db import DatabaseError

from . import locks
from .relay_transaction import relay_transaction

# What the database has refused is not asked again at once: publishing is to go on meanwhile.
REST_SECONDS = 10
# One step through an index a name, however many rows there are.
_UNKNOWN = """
WITH RECURSIVE names AS (
    (SELECT queue FROM durable_tasks_task WHERE state = 1 ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM durable_tasks_task WHERE state = 1 AND queue > names.queue
        ORDER BY queue LIMIT 1) FROM names WHERE names.queue IS NOT NULL
)
SELECT queue FROM names
WHERE queue IS NOT NULL AND NOT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = queue)
"""
# It waits for a transaction that has just made the same row, a pause: not long, see `_add`.
_ADD = "INSERT INTO durable_tasks_queue (name) VALUES (%s) ON CONFLICT DO NOTHING"
_ADD_MILLISECONDS = "200"


def discover(left_out_until: dict[str, float] | None = None) -> bool:
    """Give a row to each queue that has ready tasks and no row yet; tell whether one was given.

    A queue whose row is being made in a transaction that does not end is left out for a while.
    """
    until = {} if left_out_until is None else left_out_until
    with relay_transaction() as cursor:
        cursor.execute(_UNKNOWN)
        names = [row[0] for row in cursor.fetchall()]
    count = 0
    for name in names:
        if until.get(name, 0.0) > time.monotonic():
            continue
        try:
            count += _add(name)
        except DatabaseError as error:
            locks.say_refused(error, f"Queue {name} is left out")
            until[name] = time.monotonic() + REST_SECONDS
    return bool(count)


def _add(name: str) -> int:
    with relay_transaction() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_ADD_MILLISECONDS])
        cursor.execute(_ADD, [name])
        return int(cursor.rowcount)
