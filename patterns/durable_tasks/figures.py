"""How each queue is doing: what alarms, metrics and pages go by. Counted anew at each call."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connections

from . import caps, configuration
from .reading import by_index

# Each part is answered from its partial index; no index holds what has been deleted.
_COUNTS = """
SELECT queue, 'scheduled', count(*) FROM durable_tasks_task WHERE state = 0 GROUP BY queue
UNION ALL
SELECT queue, 'ready', count(*) FROM durable_tasks_task WHERE state = 1 GROUP BY queue
UNION ALL
SELECT queue, 'published', count(*) FROM durable_tasks_task WHERE state = 2 GROUP BY queue
UNION ALL
SELECT queue, 'running', count(*) FROM durable_tasks_task WHERE state = 3 GROUP BY queue
UNION ALL
SELECT queue, 'failed', count(*) FROM durable_tasks_task WHERE state = 4 GROUP BY queue
"""
# One step into the index for each queue and rank. What is due and still scheduled has waited too: a
# relay would have let it be ready.
UNPUBLISHED = """
WITH RECURSIVE lanes AS (
    (SELECT queue, rank, due_at FROM durable_tasks_task WHERE state = 1
        ORDER BY queue, rank, due_at LIMIT 1)
    UNION ALL
    SELECT step.queue, step.rank, step.due_at FROM lanes CROSS JOIN LATERAL (
        SELECT queue, rank, due_at FROM durable_tasks_task
        WHERE state = 1 AND (queue, rank) > (lanes.queue, lanes.rank)
        ORDER BY queue, rank, due_at LIMIT 1) AS step
), unpublished AS (
    SELECT queue, due_at FROM lanes
    UNION ALL
    SELECT queue, min(due_at) FROM durable_tasks_task WHERE state = 0 AND due_at <= now()
        GROUP BY queue
)
"""
# What is published is a window's rows.
_OLDEST = f"""
{UNPUBLISHED}
SELECT queue, extract(epoch FROM clock_timestamp() - min(due_at))::float8 FROM (
    SELECT queue, due_at FROM unpublished
    UNION ALL
    SELECT queue, due_at FROM durable_tasks_task WHERE state = 2
) AS waiting GROUP BY queue
"""  # noqa: S608  constants
_PAUSED = "SELECT name FROM durable_tasks_queue WHERE is_paused"
_QUEUES = "SELECT name FROM durable_tasks_queue"
_FAILED = """
SELECT name, count(*), max(failed_at) FROM durable_tasks_task WHERE state = 4
GROUP BY name ORDER BY max(failed_at) DESC
"""


@dataclass(frozen=True, kw_only=True)
class QueueFigures:
    """One queue.

    `waiting` is due and not begun; `oldest_due_seconds` is how long the first of these waits, 0
    where there is none. `failed` ones are no backlog, and do not count for the cap.
    """

    waiting: int = 0
    scheduled: int = 0
    oldest_due_seconds: float = 0.0
    running: int = 0
    failed: int = 0
    cap: int = caps.DEFAULT_CAP
    is_paused: bool = False

    @property
    def rows(self) -> int:
        """Return what counts for the cap."""
        return self.waiting + self.scheduled + self.running


@dataclass(frozen=True, kw_only=True)
class FailedFigures:
    """The failed tasks of one name."""

    name: str
    count: int
    newest: datetime


def figures() -> dict[str, QueueFigures]:
    """Return every queue that has rows, was seen by a relay, or is in DURABLE_TASKS_QUEUES.

    Two statements see two moments, so a task that starts between them may be in neither.
    """
    counts: dict[str, dict[str, int]] = {}
    with by_index(), connections[configuration.database()].cursor() as cursor:
        cursor.execute(_COUNTS)
        for queue, state, count in cursor.fetchall():
            counts.setdefault(queue, {})[state] = count
        cursor.execute(_OLDEST)
        oldest = dict(cursor.fetchall())
        cursor.execute(_PAUSED)
        paused = {row[0] for row in cursor.fetchall()}
        cursor.execute(_QUEUES)
        seen = {row[0] for row in cursor.fetchall()}
    names = {*counts, *seen, *configuration.queues()}
    return {
        name: QueueFigures(
            waiting=of.get("ready", 0) + of.get("published", 0),
            scheduled=of.get("scheduled", 0),
            oldest_due_seconds=max(0.0, oldest.get(name) or 0.0),
            running=of.get("running", 0),
            failed=of.get("failed", 0),
            cap=caps.cap(name),
            is_paused=name in paused,
        )
        for name in sorted(names)
        for of in [counts.get(name, {})]
    }


def failed_by_name() -> list[FailedFigures]:
    """Return how many tasks of each name have failed, the name of the newest one first."""
    with by_index(), connections[configuration.database()].cursor() as cursor:
        cursor.execute(_FAILED)
        return [
            FailedFigures(name=name, count=count, newest=newest)
            for name, count, newest in cursor.fetchall()
        ]
