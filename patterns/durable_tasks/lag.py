"""How far the relay is behind: how long a due task waits although its queue's window has room."""

from django.db import connections

from . import configuration
from .figures import UNPUBLISHED
from .marking import has_room
from .reading import by_index

_LAG = f"""
{UNPUBLISHED}, published AS (
    SELECT queue, count(*) AS rows FROM durable_tasks_task WHERE state = 2 GROUP BY queue
)
SELECT u.queue, coalesce(min(p.rows), 0),
    extract(epoch FROM clock_timestamp() - min(u.due_at))::float8
FROM unpublished u LEFT JOIN published p ON p.queue = u.queue
WHERE NOT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = u.queue AND q.is_paused)
GROUP BY u.queue
"""  # noqa: S608  constants


def relay_lag_seconds() -> dict[str, float]:
    """Return for each queue with due tasks how long the first one has waited to be published.

    0 where the window is full, for workers are what it waits for then; no entry where the queue is
    paused. Without a relay, or with its broker away, it grows by a second each second.
    """
    with by_index(), connections[configuration.database()].cursor() as cursor:
        cursor.execute(_LAG)
        found = cursor.fetchall()
    return {
        queue: max(0.0, seconds) if has_room(published) else 0.0
        for queue, published, seconds in found
    }
