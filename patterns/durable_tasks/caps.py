"""How many rows a queue may have: counted now and then, alarmed at half, refused or not at all."""

import time
from typing import Any

from django.db import connections

from . import configuration, locks

MEASURE_SECONDS = 10.0
# Counting a million rows takes a good part of a second: at most a fiftieth of the time goes there.
MEASURE_SHARE = 0.02
DEFAULT_CAP = 1_000_000  # some 500 MB

# Each part is answered from its partial index. Failed rows are no backlog: each is its own alarm.
_COUNT = """
SELECT queue, sum(rows)::bigint FROM (
    SELECT queue, count(*) AS rows FROM durable_tasks_task WHERE state = 0 GROUP BY queue
    UNION ALL
    SELECT queue, count(*) FROM durable_tasks_task WHERE state = 1 GROUP BY queue
    UNION ALL
    SELECT queue, count(*) FROM durable_tasks_task WHERE state = 2 GROUP BY queue
    UNION ALL
    SELECT queue, count(*) FROM durable_tasks_task WHERE state = 3 GROUP BY queue
) AS parts GROUP BY queue
"""
# A queue's row that somebody's open transaction holds is left out: the others are not to wait.
_MEASURED = """
UPDATE durable_tasks_queue SET rows = %s, is_full = %s, measured_at = now() WHERE name = (
    SELECT name FROM durable_tasks_queue WHERE name = %s FOR UPDATE SKIP LOCKED)
"""


def measure() -> float:
    """Count each queue's rows, and close one at its cap where it is set to refuse.

    Returns after how many seconds to count again. Between two counts a queue can pass its cap.
    A queue whose row is locked keeps what was counted before. Raises what the database raises.
    """
    began = time.monotonic()
    with locks.bounded() as cursor:
        cursor.execute(_COUNT)
        rows = dict(cursor.fetchall())
        cursor.execute("SELECT name FROM durable_tasks_queue ORDER BY name")
        for (name,) in cursor.fetchall():
            count = rows.get(name, 0)
            cursor.execute(_MEASURED, [count, _refuses(name) and count >= cap(name), name])
    return rest_seconds(began)


def rest_seconds(began: float) -> float:
    """Return after how many seconds to count again, however the count that began then ended."""
    return max(MEASURE_SECONDS, (time.monotonic() - began) / MEASURE_SHARE)


def cap(queue: str) -> int:
    """Return how many rows a queue may have."""
    return int(_limits(queue).get("cap", DEFAULT_CAP))


def alarms() -> list[str]:
    """Return what somebody should look at: queues at half their cap or beyond, as last counted."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute("SELECT name, rows FROM durable_tasks_queue ORDER BY name")
        return [
            f"Queue {name} has {rows:,} tasks of the {cap(name):,} it may have: is its worker up?"
            for name, rows in cursor.fetchall()
            if rows * 2 >= cap(name)
        ]


def _refuses(queue: str) -> bool:
    return bool(_limits(queue).get("at_cap", "alarm") == "refuse")


def _limits(queue: str) -> dict[str, Any]:
    return configuration.queues().get(queue, {})
