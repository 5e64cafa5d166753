"""Replay: a failed row is ready again, with its id and arguments, and new budgets."""

from .batches import Operation
from .obstacles import obstacle

# The state is the guard: of two who replay the same rows one finds them, and they run once. What a
# plain task's recorder wrote may show no arguments, and no message goes without. A message that was
# not understood says nothing about how the row, which has its arguments, ends now.
REPLAY = Operation(
    obstacle=lambda row: obstacle(
        row.name, row.queue, plain=row.plain, has_arguments=row.has_arguments
    ),
    hook="on_replay",
    statement="""
WITH done AS (
    UPDATE durable_tasks_task SET state = 1, retries = 0, crashes = 0, due_at = now(), reason = '',
        expires_at = NULL, unknown_since = NULL, unique_key = NULL,
        shown = CASE shown WHEN '' THEN '["***", "***"]' ELSE shown END,
        message = NULL, worker = '', publication = NULL, claim = NULL, leased_until = NULL
    WHERE id = ANY(%s) AND state = 4 RETURNING id, name
), noted AS (
    INSERT INTO durable_tasks_event (task_id, name, kind, by)
    SELECT id, name, 'replayed', %s FROM done
)
SELECT id FROM done
""",
    notifies=True,
)
