"""Failed rows for tests: made in SQL, many at once."""

import json
from typing import Any
from uuid import UUID

from django.db import connection

from patterns.durable_tasks.models import Event, TaskRow
from patterns.durable_tasks.new_row import new_id

_FAIL = """
INSERT INTO durable_tasks_task (id, name, queue, state, reason, error, arguments, shown, retries,
    crashes, failed_at, first_failed_at)
VALUES (%s, 'shop.write_note', 'default', 4, 'error', 'ValueError: told to', %s, %s, 3, 2,
    clock_timestamp(), clock_timestamp())
"""
_FAIL_MANY = """
INSERT INTO durable_tasks_task (id, name, queue, state, reason, error, arguments, shown, failed_at,
    first_failed_at)
SELECT gen_random_uuid(), 'shop.write_note', 'default', 4, 'error', 'ValueError: told to',
    '[["' || n || '"], {}]', '["(***,)", "{}"]', clock_timestamp(), clock_timestamp()
FROM generate_series(1, %s) AS n
"""


def fail(*args: Any, **columns: Any) -> TaskRow:
    """Return a failed row of `shop.write_note`, with other values where they are given."""
    id = new_id()
    with connection.cursor() as cursor:
        shown = json.dumps([repr(args), "{}"])
        cursor.execute(_FAIL, [id, json.dumps([args or ["x"], {}]), shown])
    if columns:
        TaskRow.objects.filter(pk=id).update(**columns)
    return TaskRow.objects.get(pk=id)


def fail_many(count: int) -> None:
    """Make so many failed rows."""
    with connection.cursor() as cursor:
        cursor.execute(_FAIL_MANY, [count])


def history(id: UUID) -> list[tuple[str, str]]:
    """Return what happened to a task, and by whom."""
    events = Event.objects.filter(task_id=id).order_by("at", "id")
    return [(each.kind, each.by) for each in events]


def states() -> dict[int, int]:
    """Return how many rows there are in each state."""
    found = list(TaskRow.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in sorted(set(found))}
