"""Wake the relay when something is enqueued: faster than looking, and never needed."""

import logging
import time
from typing import Any

from django.db import connections

from . import configuration
from .enqueue import CHANNEL

logger = logging.getLogger(__name__)

# A queue's row that somebody's open transaction holds is left out: the others are not to wait.
_LEAVE_OUT = """
UPDATE durable_tasks_queue SET is_listened = false WHERE name = ANY(ARRAY(
    SELECT name FROM durable_tasks_queue WHERE is_listened FOR UPDATE SKIP LOCKED))
"""
# A function (migration 0004), planned once a session: it asks where no task waits already.
_ASK = "SELECT durable_tasks_ask()"
# What was committed between the last look and the asking, and so did not notify.
_IS_LATE = """
SELECT EXISTS (SELECT FROM durable_tasks_queue q WHERE q.is_listened AND NOT q.is_paused
    AND (SELECT t.state FROM durable_tasks_task t WHERE t.queue = q.name AND t.state = 1
        ORDER BY t.rank, t.due_at LIMIT 1) IS NOT NULL)
"""


class Listener:
    """LISTEN on a connection of its own: a pooler in transaction mode would not keep it."""

    def __init__(self) -> None:
        """Connect when first needed."""
        self._wrapper: Any = None

    def wait(self, seconds: float) -> set[str]:
        """Sleep so long, or until something is enqueued; return its queues, where they are known.

        Raises nothing.
        """
        try:
            connection = self._connection()
            if _is_asked_late():
                return set()
            told = connection.notifies(timeout=seconds, stop_after=1)
            return {each.payload for each in told if each.payload}
        except Exception as error:
            logger.debug("Not listening: %s", error)
            self.close()
            time.sleep(seconds)
            return set()

    def close(self) -> None:
        """End the connection."""
        wrapper, self._wrapper = self._wrapper, None
        if wrapper is not None:
            try:
                wrapper.close()
            except Exception as error:  # it is being given up
                logger.debug("Closing: %s", error)

    def _connection(self) -> Any:
        if self._wrapper is None:
            wrapper = connections.create_connection(configuration.listening_database())
            wrapper.connect()
            wrapper.connection.execute(f"LISTEN {CHANNEL}")
            self._wrapper = wrapper
        return self._wrapper.connection


def leave_out() -> None:
    """Let commits not notify while a relay is busy: those that do wait for each other."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_LEAVE_OUT)


def _is_asked_late() -> bool:
    """Ask commits to notify; tell whether there is something to do at once.

    Asked each time: another relay, busy or dead, may have asked the opposite.
    """
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_ASK)
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_IS_LATE)
        return bool(cursor.fetchone()[0])
