"""Wake the relay when something is enqueued: faster than looking, and never needed."""

import logging
import time
from typing import Any

from django.db import connections

from . import configuration
from .enqueue import CHANNEL

logger = logging.getLogger(__name__)

_ASK = "UPDATE durable_tasks_queue SET is_listened = %s WHERE is_listened <> %s"
# What was committed between the last look and the asking, and so did not notify.
_HAS_READY = """
SELECT EXISTS (SELECT FROM durable_tasks_queue q WHERE NOT q.is_paused AND EXISTS (
    SELECT FROM durable_tasks_task t WHERE t.queue = q.name AND t.state = 1)
    AND %(window)s >= 2 * (
        SELECT count(*) FROM durable_tasks_task t WHERE t.queue = q.name AND t.state = 2))
"""


class Listener:
    """LISTEN on a connection of its own: a pooler in transaction mode would not keep it."""

    def __init__(self) -> None:
        """Connect when first needed."""
        self._wrapper: Any = None

    def wait(self) -> None:
        """Sleep until something is enqueued, or it is time to look. Raises nothing."""
        try:
            connection = self._connection()
            if _is_asked_late():
                return
            for _ in connection.notifies(timeout=configuration.poll_seconds(), stop_after=1):
                pass
        except Exception as error:
            logger.debug("Not listening: %s", error)
            self.close()
            time.sleep(configuration.poll_seconds())

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
        cursor.execute(_ASK, [False, False])


def _is_asked_late() -> bool:
    """Ask commits to notify; tell whether there is something to do at once.

    Asked each time: another relay, busy or dead, may have asked the opposite.
    """
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_ASK, [True, True])
        if not cursor.rowcount:
            return False
        cursor.execute(_HAS_READY, {"window": configuration.window()})
        return bool(cursor.fetchone()[0])
