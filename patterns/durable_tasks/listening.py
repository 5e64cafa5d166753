"""Wake the relay when something is enqueued: faster than looking, and never needed."""

import logging
import time
from typing import Any

from django.db import connections

from . import configuration
from .enqueue import CHANNEL

logger = logging.getLogger(__name__)

_LEAVE_OUT = "UPDATE durable_tasks_queue SET is_listened = false WHERE is_listened"
# Not where tasks are waiting already: what comes behind them need not wake anybody. An EXISTS could
# be planned as one pass over all rows; the first in the index's order is one step.
_ASK = """
UPDATE durable_tasks_queue q SET is_listened = NOT q.is_listened
WHERE q.is_listened = ((SELECT t.state FROM durable_tasks_task t WHERE t.queue = q.name
    AND t.state = 1 ORDER BY t.rank, t.due_at LIMIT 1) IS NOT NULL)
"""
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

    def wait(self, seconds: float) -> None:
        """Sleep so long, or until something is enqueued. Raises nothing."""
        try:
            connection = self._connection()
            if _is_asked_late():
                return
            for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass
        except Exception as error:
            logger.debug("Not listening: %s", error)
            self.close()
            time.sleep(seconds)

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
        if not cursor.rowcount:
            return False
        cursor.execute(_IS_LATE)
        return bool(cursor.fetchone()[0])
