"""Publish due rows: mark them in one short transaction, hand them to the broker outside of it."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery
from django.db import connections, transaction

from . import configuration
from .calls import read_options
from .settle import ERROR_CHARACTERS, clean, words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A row whose message is to be published."""

    id: Any
    publication: Any
    name: str
    rank: int
    shown: str
    options: str
    retries: int


# The queue's row is locked for this statement: one relay marks a queue at a time, and a pause
# waits for it. The window is refilled at half, so that it is one statement for many rows.
_MARK = """
WITH free AS (
    SELECT q.name, (SELECT %(window)s - count(*) FROM durable_tasks_task
        WHERE queue = q.name AND state = 2) AS room
    FROM durable_tasks_queue q WHERE q.name = %(queue)s AND NOT q.is_paused
    FOR UPDATE OF q SKIP LOCKED
), chosen AS (
    SELECT id, rank, due_at FROM durable_tasks_task
    WHERE queue = %(queue)s AND state = 1
    ORDER BY rank, due_at
    LIMIT (SELECT CASE WHEN room * 2 >= %(window)s THEN room ELSE 0 END FROM free)
    FOR UPDATE SKIP LOCKED
)
UPDATE durable_tasks_task t SET state = 2, publication = gen_random_uuid(),
    leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM chosen, free WHERE t.id = chosen.id
RETURNING t.id, t.publication, t.name, t.rank, t.shown, t.options, t.retries, t.due_at
"""
_UNMARK = """
UPDATE durable_tasks_task t SET state = 1, publication = NULL, leased_until = NULL
FROM unnest(%s::uuid[], %s::uuid[]) AS marked (id, publication)
WHERE t.id = marked.id AND t.publication = marked.publication AND t.state = 2
"""
_FAIL = """
UPDATE durable_tasks_task SET state = 4, reason = 'unpublishable', error = %s, publication = NULL,
    failed_at = now(), first_failed_at = coalesce(first_failed_at, now()), leased_until = NULL,
    unique_key = NULL
WHERE id = %s AND publication = %s AND state = 2
"""


def mark(queue: str) -> list[Marked]:
    """Mark the rows that a queue's window has room for, and commit. [] where another relay does it.

    Crash: they are published again when the lease of the publication ends.
    """
    values = {
        "queue": queue,
        "window": configuration.window(),
        "lease": configuration.publication_lease_seconds(),
    }
    with transaction.atomic(using=configuration.database()), _cursor() as cursor:
        # What a dying server forgets was ready before, and is ready then; the tokens are stale.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_MARK, values)
        rows = sorted(cursor.fetchall(), key=lambda row: (row[3], row[7]))
    return [
        Marked(
            id=row[0], publication=row[1], name=row[2], rank=row[3],
            shown=row[4], options=row[5], retries=row[6],
        )
        for row in rows
    ]  # fmt: skip


def publish(app: Celery, producer: Any, queue: str, marked: Sequence[Marked]) -> None:
    """Publish the messages of marked rows. Raises what the broker does, after unmarking them.

    One that cannot be made into a message fails alone. A message of which nobody knows whether it
    was published has a token that is not valid any more.
    """
    messages = [(row, made) for row in marked if (made := _message(app, row)) is not None]
    try:
        target = app.amqp.queues[queue]
        with producer.batch(max_size=100):
            for row, (headers, properties, body) in messages:
                producer.publish(
                    body,
                    exchange=target.exchange,
                    routing_key=target.routing_key,
                    declare=[target],
                    serializer="json",
                    headers=headers,
                    priority=abs(row.rank),
                    **properties,
                )
    except BaseException:  # SIGTERM too, in the middle of it
        unmark(marked)
        raise


def unmark(marked: Sequence[Marked]) -> None:
    """Let marked rows be ready again."""
    with _cursor() as cursor:
        ids = [row.id for row in marked]
        cursor.execute(_UNMARK, [ids, [row.publication for row in marked]])


def _message(app: Celery, row: Marked) -> tuple[dict[str, Any], dict[str, Any], Any] | None:
    try:
        options = read_options(row.options)
        args_shown, kwargs_shown = json.loads(row.shown)
        made = app.amqp.as_task_v2(
            str(row.id),
            row.name,
            retries=row.retries,
            argsrepr=args_shown,
            kwargsrepr=kwargs_shown,
            **{name: options[name] for name in MESSAGE if name in options},
        )
        own = {"durable_publication": str(row.publication)}
        return {**options.get("headers", {}), **made.headers, **own}, made.properties, made.body
    except Exception as error:
        logger.exception("%s[%s] cannot be published: failed.", row.name, row.id)
        with _cursor() as cursor:
            text = clean(words(error), ERROR_CHARACTERS)
            cursor.execute(_FAIL, [text, row.id, row.publication])
        return None


# What Celery's own message says about a task, besides what the claim reads from the row.
MESSAGE = (
    *("shadow", "ignore_result", "group_id", "group_index", "root_id", "parent_id"),
    *("time_limit", "soft_time_limit"),
)


def _cursor() -> Any:
    return connections[configuration.database()].cursor()
