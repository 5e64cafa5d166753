"""Enqueue: one INSERT in the caller's transaction. The broker is not touched."""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from . import configuration
from .errors import NotKept, OtherDatabase, QueueFull
from .new_row import NewRow

CHANNEL = "durable_tasks"
# Of one INSERT: some hundred kilobytes, of which PostgreSQL makes a plan in a few milliseconds.
ROWS_AT_ONCE = 1000


def insert(row: NewRow) -> UUID:
    """Insert a task and return its id, or that of the unstarted task with the same unique key.

    In the open transaction of the one database, else in its own. Rollback: nothing was enqueued.
    That one is not started before the transaction has ended, so that it sees what was changed. A
    unique key that another transaction has just used is waited for until that one ends. Raises
    `QueueFull`, `OtherDatabase`, and what the database raises.
    """
    connection = _connection()
    with connection.cursor() as cursor:
        cursor.execute(*_statement(row))
        return row.id if cursor.fetchone()[0] else _existing(cursor, row)


def insert_many(rows: Sequence[NewRow]) -> list[UUID]:
    """Insert tasks, a thousand in a statement, and return their ids. All or none."""
    connection = _connection()
    if not rows:
        return []
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        ids: list[UUID] = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            ids += _insert(cursor, rows[start : start + ROWS_AT_ONCE])
        return ids


def _insert(cursor: Any, rows: Sequence[NewRow]) -> list[UUID]:
    columns = [[getattr(row, name) for row in rows] for name in NewRow.__slots__]
    cursor.execute(_MANY, columns)
    inserted = {found[0] for found in cursor.fetchall()}
    return [row.id if row.id in inserted else _existing(cursor, row) for row in rows]


# The function (migration 0004) inserts and, where a relay sleeps, wakes it. Its statements are
# planned once a session; as one statement of the same sense they were planned with each call, which
# took longer than everything else.
_TYPES = (
    *("uuid", "text", "text", "int", "text", "text", "text", "text", "int", "int"),
    *("float8", "timestamptz", "float8", "timestamptz", "text"),
)
_NAMES = ", ".join(NewRow.__slots__)
_MANY = f"""
SELECT durable_tasks_enqueue({_NAMES})
FROM unnest({", ".join(f"%s::{each}[]" for each in _TYPES)}) AS given ({_NAMES})
"""  # noqa: S608  constants
# A value that is seldom set stands in the text: each one that is sent costs some microseconds.
_SELDOM = {each.name: each.default for each in fields(NewRow) if each.default is not MISSING}
_LITERALS: dict[Any, str] = {None: "NULL", 0: "0", "": "''"}
_ALWAYS = tuple(name for name in NewRow.__slots__ if name not in _SELDOM)


def _statement(row: NewRow) -> tuple[str, list[Any]]:
    """Return the statement for one row, and its values."""
    text = f"SELECT durable_tasks_enqueue({'%s, ' * len(_ALWAYS)}"
    values = [getattr(row, name) for name in _ALWAYS]
    each = []
    for name, default in _SELDOM.items():
        value = getattr(row, name)
        if value == default:
            each.append(_LITERALS[default])
        else:
            each.append("%s")
            values.append(value)
    return f"{text}{', '.join(each)})", values


def _existing(cursor: Any, row: NewRow) -> UUID:
    """Return the id of the row that stands for this one; raise where none can."""
    if row.unique_key is not None:
        cursor.execute(_STANDS_FOR_IT, [row.unique_key])
        if found := cursor.fetchone()[0]:
            return UUID(str(found))
    cursor.execute(_SAME_ID, [row.id])
    if same := cursor.fetchone():
        return _same(row, *same)
    cursor.execute("SELECT is_full FROM durable_tasks_queue WHERE name = %s", [row.queue])
    if (full := cursor.fetchone()) and full[0]:
        raise _queue_full(row)
    # The one with this key was claimed between the two statements: it has started, so this one
    # has its place now.
    return insert(row)


# Locked until the caller's transaction ends: a run that began before would not see what the caller
# has changed, and nothing would run after the commit. Shared: callers do not wait for each other.
# A function (migration 0004): a worker that wants the row goes before new callers.
_STANDS_FOR_IT = "SELECT durable_tasks_stands_for(%s)"
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
