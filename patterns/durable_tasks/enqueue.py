"""Enqueue: one INSERT in the caller's transaction. The broker is not touched."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from . import configuration
from .errors import NotKept, OtherDatabase, QueueFull

CHANNEL = "durable_tasks"
# Of one INSERT: some hundred kilobytes, of which PostgreSQL makes a plan in a few milliseconds.
ROWS_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRow:
    """What a caller says about a task; the field names are the table's, but for the two delays."""

    id: UUID
    name: str
    queue: str
    rank: int
    delay_seconds: float | None
    due_at: datetime | None
    expires_seconds: float | None
    expires_at: datetime | None
    max_crashes: int
    retries: int
    arguments: str
    shown: str
    options: str
    unique_key: str | None


def new_id() -> UUID:
    """Return an id that sorts by its time (UUID version 7): the index grows at its end."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def insert(row: NewRow) -> UUID:
    """Insert a task and return its id, or that of the unstarted task with the same unique key.

    In the open transaction of the one database, else in its own. Rollback: nothing was enqueued.
    A unique key that another transaction has just used is waited for until that one ends. Raises
    `QueueFull`, `OtherDatabase`, and what the database raises.
    """
    connection = _connection()
    with connection.cursor() as cursor:
        placeholders, values = _placeholders(row)
        cursor.execute(_ONE.format(placeholders), [*values, row.queue, row.queue])
        return row.id if cursor.fetchone() else _existing(cursor, row)


def insert_many(rows: Sequence[NewRow]) -> list[UUID]:
    """Insert tasks, a thousand in a statement, and return their ids. All or none."""
    connection = _connection()
    if not rows:
        return []
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_LOOK_AND_NOTIFY, [list({row.queue for row in rows})])
        if full := {name for name, is_full, _ in cursor.fetchall() if is_full}:
            raise _queue_full(next(row for row in rows if row.queue in full))
        ids: list[UUID] = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            ids += _insert(cursor, rows[start : start + ROWS_AT_ONCE])
        return ids


def _insert(cursor: Any, rows: Sequence[NewRow]) -> list[UUID]:
    each = [_placeholders(row) for row in rows]
    lines = ", ".join(f"({placeholders})" for placeholders, _ in each)
    cursor.execute(_MANY.format(lines), [value for _, values in each for value in values])
    inserted = {found[0] for found in cursor.fetchall()}
    return [row.id if row.id in inserted else _existing(cursor, row) for row in rows]


COLUMNS = (
    "id, name, queue, rank, max_crashes, retries, arguments, shown, options, unique_key,"
    " enqueued_at, state, due_at, expires_at"
)
_INTO = f"INSERT INTO durable_tasks_task ({COLUMNS})"
# A commit that notifies takes a lock which all of them share, so it is done where a relay sleeps.
_ONE = f"""
{_INTO} SELECT {{}}
WHERE NOT EXISTS (SELECT FROM durable_tasks_queue WHERE name = %s AND is_full)
ON CONFLICT DO NOTHING
RETURNING id, (SELECT pg_notify('{CHANNEL}', '')::text FROM durable_tasks_queue
    WHERE name = %s AND is_listened)
"""  # noqa: S608
_MANY = f"{_INTO} VALUES {{}} ON CONFLICT DO NOTHING RETURNING id"
_LOOK_AND_NOTIFY = f"""
SELECT name, is_full, CASE WHEN is_listened THEN pg_notify('{CHANNEL}', '')::text END
FROM durable_tasks_queue WHERE name = ANY(%s)
"""  # noqa: S608
# As few parameters as the row has values: most are neither delayed nor do they expire.
_GIVEN = "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, statement_timestamp(), "
_AT_ONCE = "1, statement_timestamp(), "
_LATER = "0, statement_timestamp() + make_interval(secs => %s), "
_AT = "CASE WHEN %s::timestamptz > statement_timestamp() THEN 0 ELSE 1 END, %s::timestamptz, "
_EXPIRES_IN = "statement_timestamp() + make_interval(secs => %s)"


def _placeholders(row: NewRow) -> tuple[str, list[Any]]:
    """Return one row's part of the statement, and its values."""
    text = _GIVEN
    values: list[Any] = [
        *(row.id, row.name, row.queue, row.rank, row.max_crashes, row.retries),
        *(row.arguments, row.shown, row.options, row.unique_key),
    ]
    if row.due_at is not None:
        text += _AT
        values += [row.due_at, row.due_at]
    elif row.delay_seconds is not None and row.delay_seconds > 0:
        text += _LATER
        values.append(row.delay_seconds)
    else:
        text += _AT_ONCE
    if row.expires_at is None and row.expires_seconds is None:
        return text + "NULL", values
    if row.expires_at is not None:
        return text + "%s::timestamptz", [*values, row.expires_at]
    return text + _EXPIRES_IN, [*values, row.expires_seconds]


def _existing(cursor: Any, row: NewRow) -> UUID:
    """Return the id of the row that stands for this one; raise where none can."""
    if row.unique_key is not None:
        cursor.execute("SELECT id FROM durable_tasks_task WHERE unique_key = %s", [row.unique_key])
        if found := cursor.fetchone():
            return UUID(str(found[0]))
    cursor.execute(_SAME_ID, [row.id])
    if same := cursor.fetchone():
        return _same(row, *same)
    cursor.execute("SELECT is_full FROM durable_tasks_queue WHERE name = %s", [row.queue])
    if (full := cursor.fetchone()) and full[0]:
        raise _queue_full(row)
    # The one with this key was claimed between the two statements: it has started, so this one
    # has its place now.
    return insert(row)


_SAME_ID = "SELECT name, arguments, state FROM durable_tasks_task WHERE id = %s"
FAILED = 4


def _same(row: NewRow, name: str, arguments: str, state: int) -> UUID:
    """Return the id where it is the same call, made twice: a chain's step, of a plain task that
    was delivered twice. The transaction goes on in any case."""
    if (name, arguments) == (row.name, row.arguments) and state < FAILED:
        return row.id
    raise NotKept(
        f"{row.name}: a task with the task_id {row.id} has not ended ({name}). Leave task_id out,"
        " clone() a signature that was frozen, or replay the failed task."
    )


def _queue_full(row: NewRow) -> QueueFull:
    return QueueFull(
        f"Queue {row.queue!r} has reached its cap, so {row.name} is refused. Look why its"
        " tasks do not run (a worker?), or raise the cap in DURABLE_TASKS_QUEUES."
    )


def _connection() -> Any:
    """Return the one database's connection, unless a transaction is open on another one alone."""
    connection = connections[configuration.database()]
    if not connection.in_atomic_block:
        others = _open_elsewhere(connections.all(initialized_only=True), connection.alias)
        if others:
            raise OtherDatabase(
                f"A transaction is open on {', '.join(others)}, and the task's row would commit in"
                f" one of its own on {connection.alias!r}. Open one there as well"
                f" (transaction.atomic(using={connection.alias!r})), or enqueue when it has ended."
            )
    return connection


def _open_elsewhere(all_connections: Iterable[Any], ours: str) -> list[str]:
    return [each.alias for each in all_connections if each.alias != ours and each.in_atomic_block]
