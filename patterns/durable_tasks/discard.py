"""Discard: a failed row is given up by a person, and is history until it is purged."""

from .batches import Operation

DISCARD = Operation(
    obstacle=lambda row: "",
    hook="on_discard",
    statement="""
WITH done AS (
    UPDATE durable_tasks_task SET state = 5, discarded_at = now(), unique_key = NULL
    WHERE id = ANY(%s) AND state = 4 RETURNING id, name
), noted AS (
    INSERT INTO durable_tasks_event (task_id, name, kind, by)
    SELECT id, name, 'discarded', %s FROM done
)
SELECT id FROM done
""",
)
