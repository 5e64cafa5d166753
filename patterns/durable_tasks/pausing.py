"""Pause queues and resume them: rows, so that a restart of anything changes nothing."""

from dataclasses import dataclass

from celery import Celery
from django.db import connections

from . import caps, configuration, locks
from .enqueue import CHANNEL
from .errors import QueueUnknown

_PAUSE = """
INSERT INTO durable_tasks_queue AS q (name, is_paused) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET is_paused = excluded.is_paused
    WHERE q.is_paused <> excluded.is_paused
"""
# Queues that have rows and no relay has seen yet, as after a restore.
_NAMES = """
SELECT name FROM durable_tasks_queue
UNION SELECT DISTINCT queue FROM durable_tasks_task WHERE state < 4
"""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue as people see it; `rows` as last counted."""

    name: str
    is_paused: bool
    is_full: bool
    rows: int
    cap: int


def pause(app: Celery, *names: str) -> None:
    """Let no task of these queues start until they are resumed; those that run end as usual.

    In the open transaction, else in one of its own: all of them or none. Doing it twice does it
    once. Raises `QueueUnknown`, and `TasksHeld` where another's transaction holds a queue's row.
    """
    _set(app, names, True)


def resume(app: Celery, *names: str) -> None:
    """Let the tasks of these queues start again, at once. Raises as `pause()`."""
    _set(app, names, False)
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


def known(app: Celery) -> list[str]:
    """Return the names of the queues that the app declares, the settings name, or rows are in."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_NAMES)
        names = {row[0] for row in cursor.fetchall()}
    return sorted(names | set(app.amqp.queues) | set(configuration.queues()))


def listed(app: Celery) -> list[Queue]:
    """Return all known queues."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute("SELECT name, is_paused, is_full, rows FROM durable_tasks_queue")
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    queues = []
    for name in known(app):
        is_paused, is_full, count = rows.get(name, (False, False, 0))
        queues.append(
            Queue(name=name, is_paused=is_paused, is_full=is_full, rows=count, cap=caps.cap(name))
        )
    return queues


def _set(app: Celery, names: tuple[str, ...], is_paused: bool) -> None:
    names_known = known(app)
    for name in names:
        if name not in names_known:
            raise QueueUnknown(
                f"There is no queue {name!r}. Known are: {', '.join(names_known) or 'none'}."
            )
    with locks.bounded_for_people() as cursor:
        for name in sorted(names):  # one order, for two who pause the same queues
            cursor.execute(_PAUSE, [name, is_paused])
