"""Signs of life, as a process writes them.

One is written from the process's own loop, or by a thread that asks that loop first: a loop that is
stuck shall count as silent.
"""

import logging
import os
import platform
import time
from collections.abc import Iterable
from typing import Any

from django.db import Error, connections

from . import configuration

logger = logging.getLogger(__name__)

# What the name of a worker's begins with.
WORKER = "worker "
# Three may fail before anybody is told.
BEATS_A_SILENCE = 4

_WRITE = """
INSERT INTO failure_check_heartbeat AS h (name, host, pid, queues, started_at, at)
VALUES (%(name)s, %(host)s, %(pid)s, %(queues)s, now(), now())
ON CONFLICT (name) DO UPDATE SET at = now(), host = excluded.host, pid = excluded.pid,
    queues = excluded.queues, started_at = CASE
        WHEN h.host = excluded.host AND h.pid = excluded.pid THEN h.started_at ELSE now() END
"""
_DELETE = "DELETE FROM failure_check_heartbeat WHERE name = ANY(%s)"


class Heartbeat:
    """What a process writes: "beat", "relay", "worker mail@host".

    Two processes of one name write the same row: it says that one of them lives.
    """

    def __init__(self, name: str, queues: Iterable[str] = ()) -> None:
        """Write the first one when asked next."""
        self.values = {
            "name": name,
            "host": platform.node(),
            "pid": os.getpid(),
            "queues": list(queues),
        }
        self.name = name
        self._next_at = 0.0

    @property
    def interval_seconds(self) -> float:
        """Return how often one is written."""
        return longest_silence(self.name) / BEATS_A_SILENCE

    def write(self) -> None:
        """Write one, unless one was written just now. Raises nothing: a loop goes on without."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self.interval_seconds
        self._execute(_WRITE, self.values)

    def end(self) -> None:
        """Delete it, where a process ends in order and need not come back. Raises nothing."""
        self._execute(_DELETE, [[self.name]])

    def _execute(self, statement: str, values: Any) -> None:
        connection = connections[configuration.database()]
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
        except Error as error:
            logger.info("The heartbeat of %s is not written: %s", self.name, error)
            if not connection.in_atomic_block:
                connection.close()


def forget(*names: str) -> None:
    """Delete the heartbeats of processes that are gone for good."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_DELETE, [list(names)])


def longest_silence(name: str) -> float:
    """Return how many seconds a process may be silent."""
    return configuration.heartbeats().get(name, configuration.worker_silence_seconds())
