"""What happened to tasks that did not simply succeed: who, what, when, where, in order.

Failures, crashes and retries are written by a trigger of the task's table (migration 0003), so that
no statement of today or tomorrow can end a task badly without a trace. What people do is written by
the function that does it, in the same transaction. A task that succeeds without having failed
leaves nothing; one that had failed leaves its history and "succeeded".
"""

from typing import Any
from uuid import UUID

_SUCCEEDED = """
INSERT INTO durable_tasks_event (task_id, name, kind, at_worker) VALUES (%s, %s, 'succeeded', %s)
"""
_FORGET = "DELETE FROM durable_tasks_event WHERE task_id = %s"


def succeeded(cursor: Any, task_id: UUID, name: str, failures: int, worker: str) -> None:
    """Record the success of a task that had failed; else forget its retries and crashes.

    In the transaction that deletes the row: rolled back with it.
    """
    if failures:
        cursor.execute(_SUCCEEDED, [task_id, name, worker])
    else:
        cursor.execute(_FORGET, [task_id])
