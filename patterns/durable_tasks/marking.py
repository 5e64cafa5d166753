"""Mark the rows that are to be published, each with a fresh token, in one short transaction.

A mark is a lease: one of which nothing came is published again when it ends.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from . import configuration
from .error_text import ERROR_CHARACTERS, clean, words

logger = logging.getLogger(__name__)


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


def unmark(marked: Sequence[Marked]) -> None:
    """Let marked rows be ready again: nothing of them was sent."""
    _write(_UNMARK, marked)


def doubt(marked: Sequence[Marked]) -> None:
    """Let marked rows be looked for at once: they may have been sent."""
    _write(_END_LEASE, marked)


def fail(row: Marked, error: Exception) -> None:
    """Fail a marked row that cannot become a message; say so in the log."""
    with _cursor() as cursor:
        text = clean(words(error), ERROR_CHARACTERS)
        cursor.execute(_FAIL, [text, row.id, row.publication])
        has_failed = cursor.rowcount > 0
    # Somebody's cancel, say, holds it or has ended it. One that is still there comes again.
    ended = "failed" if has_failed else "passed over, for it is held or no longer published"
    logger.error("%s[%s] cannot be published: %s.", row.name, row.id, ended, exc_info=error)


def _write(statement: str, marked: Sequence[Marked]) -> None:
    with _cursor() as cursor:
        cursor.execute(statement, [[row.id for row in marked], [row.publication for row in marked]])


def _cursor() -> Any:
    return connections[configuration.database()].cursor()
