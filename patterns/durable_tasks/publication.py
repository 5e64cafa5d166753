"""Publish due rows: mark them in one short transaction, hand them to the broker outside of it."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from django.db import connections
from kombu.utils.json import dumps

from . import configuration
from .calls import CARRIER, IN_MESSAGE, priority, read_options
from .error_text import ERROR_CHARACTERS, clean, words
from .locks import BOUNDED

logger = logging.getLogger(__name__)

# Of a message's headers, as JSON. AMQP sends them in one frame, of 128 kB in most brokers, and a
# larger one ends the connection: each time, until the row is gone. A call keeps to less (calls.py).
HEADER_BYTES = 65_536
# The text of a row is in its headers once or twice, escaped: one that is so small is not measured.
SMALL_BYTES = HEADER_BYTES // 16
# Messages that travel together: some ten kilobytes.
BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A row whose message is to be published."""

    id: Any
    publication: Any
    name: str
    rank: int
    shown: str
    options: str = field(repr=False)  # may hold a next step's arguments
    retries: int


# Where the statistics are older than a burst of tasks, a planner that trusts them reads and sorts
# all of it, for each window; the index's order needs no statistics. And no fsync is waited for.
# Nor is any transaction waited for that hangs, nor one kept open by a relay that is frozen.
BY_INDEX = f"""
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true),
    {BOUNDED}
"""
# A function (migration 0004), planned once a session. It locks the queue's row until the commit:
# one relay marks a queue at a time, and a pause waits for it.
_MARK = "SELECT * FROM durable_tasks_mark(%(queue)s, %(window)s, %(lease)s)"
# What a transaction holds that does not end, somebody's cancel for one, is passed over: its lease
# ends by itself.
_OURS = """
WHERE id = ANY(ARRAY(
    SELECT t.id FROM unnest(%s::uuid[], %s::uuid[]) AS marked (id, publication)
    JOIN durable_tasks_task t ON t.id = marked.id AND t.publication = marked.publication
    WHERE t.state = 2 FOR NO KEY UPDATE OF t SKIP LOCKED))
"""
_UNMARK = f"""
UPDATE durable_tasks_task SET state = 1, publication = NULL, leased_until = NULL {_OURS}
"""  # noqa: S608  constants
_END_LEASE = f"UPDATE durable_tasks_task SET leased_until = now() {_OURS}"  # noqa: S608
_FAIL = """
UPDATE durable_tasks_task SET state = 4, reason = 'unpublishable', error = %s, publication = NULL,
    failed_at = now(), first_failed_at = coalesce(first_failed_at, now()), leased_until = NULL,
    unique_key = NULL, traceback = ''
WHERE id = (SELECT id FROM durable_tasks_task WHERE id = %s AND publication = %s AND state = 2
    FOR UPDATE SKIP LOCKED)
"""


def mark(queue: str) -> list[Marked]:
    """Mark the rows that a queue's window has room for, and commit. [] where another relay does it.

    The window is refilled at half. Crash: they are published again when their lease ends.
    """
    values = {
        "queue": queue,
        "window": configuration.window(),
        "lease": configuration.publication_lease_seconds(),
    }
    with _cursor() as cursor:
        cursor.execute(_MARK, values)
        rows = sorted(cursor.fetchall(), key=lambda row: (row[3], row[7]))
    return [
        Marked(
            id=row[0], publication=row[1], name=row[2], rank=row[3],
            shown=row[4], options=row[5], retries=row[6],
        )
        for row in rows
    ]  # fmt: skip


def has_room(published: int) -> int:
    """Return how many more a window takes: none until it is half empty, then all at once."""
    room = configuration.window() - published
    return room if room * 2 >= configuration.window() else 0


def publish(
    app: Celery,
    producer: Any,
    target: Any,
    marked: Sequence[Marked],
    broker_errors: tuple[type[BaseException], ...] = (),
) -> int:
    """Publish the messages of marked rows to a declared queue; return how many were.

    A row that cannot be a message fails alone. Raises what the broker does: of what was being sent
    nobody knows whether it arrived, so it stays marked, and the broker is asked (see lost.py).
    """
    try:
        messages = [(row, made) for row in marked if (made := _message(app, row)) is not None]
    except BaseException:  # SIGTERM, or the database: nothing was sent
        unmark(marked)
        raise
    address = _address(target)
    try:
        with producer.batch(max_size=BATCH):
            sent = [
                _send(producer, address, row, made, priority(app, row.rank), broker_errors)
                for row, made in messages
            ]
    except BaseException:
        doubt(marked)
        raise
    return sum(sent)


def unmark(marked: Sequence[Marked]) -> None:
    """Let marked rows be ready again: nothing of them was sent."""
    _write(_UNMARK, marked)


def doubt(marked: Sequence[Marked]) -> None:
    """Let marked rows be looked for at once: they may have been sent."""
    _write(_END_LEASE, marked)


def _write(statement: str, marked: Sequence[Marked]) -> None:
    with _cursor() as cursor:
        cursor.execute(statement, [[row.id for row in marked], [row.publication for row in marked]])


def _address(target: Any) -> dict[str, Any]:
    """Return where Celery would publish to: past the exchange, where that is a direct one."""
    if target.exchange is None or target.exchange.type == "direct":
        return {"exchange": "", "routing_key": target.name}
    return {"exchange": target.exchange.name, "routing_key": target.routing_key}


def _send(
    producer: Any,
    address: dict[str, Any],
    row: Marked,
    made: Any,
    priority: int,
    broker_errors: tuple[type[BaseException], ...],
) -> bool:
    headers, properties, body = made
    try:
        # What cannot be written as JSON raises here; what the broker does not take, at the flush.
        producer.publish(
            body, serializer="json", headers=headers, priority=priority, **address, **properties
        )
    except broker_errors:
        raise
    except Exception as error:  # a header too large or too deep for the transport, say
        _fail(row, error)
        return False
    return True


def _message(app: Celery, row: Marked) -> tuple[dict[str, Any], dict[str, Any], Any] | None:
    try:
        options = read_options(row.options)
        args_shown, kwargs_shown = json.loads(row.shown)
        made = app.amqp.as_task_v2(
            str(row.id),
            options.get(CARRIER, row.name),
            retries=row.retries,
            argsrepr=args_shown,
            kwargsrepr=kwargs_shown,
            **{name: options[name] for name in IN_MESSAGE if name in options},
        )
        own = {"durable_publication": str(row.publication)}
        headers = {**options.get("headers", {}), **made.headers, **own}
        _refuse_large(row, headers)
        return headers, made.properties, made.body
    except Exception as error:
        _fail(row, error)
        return None


def _refuse_large(row: Marked, headers: dict[str, Any]) -> None:
    """Raise ValueError for headers that may not fit into a frame."""
    if len(row.options) + len(row.shown) + len(row.name) <= SMALL_BYTES:
        return
    if (size := len(dumps(headers))) > HEADER_BYTES:
        raise ValueError(
            f"the message's headers are {size:,} bytes, more than {HEADER_BYTES:,}: a broker may"
            " not take them"
        )


def _fail(row: Marked, error: Exception) -> None:
    with _cursor() as cursor:
        text = clean(words(error), ERROR_CHARACTERS)
        cursor.execute(_FAIL, [text, row.id, row.publication])
        has_failed = cursor.rowcount > 0
    # Somebody's cancel, say, holds it or has ended it. One that is still there comes again.
    ended = "failed" if has_failed else "passed over, for it is held or no longer published"
    logger.error("%s[%s] cannot be published: %s.", row.name, row.id, ended, exc_info=error)


def _cursor() -> Any:
    return connections[configuration.database()].cursor()
