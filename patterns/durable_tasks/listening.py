"""Wake the relay when something is enqueued: faster than looking, and never needed."""

import logging
import time
from typing import Any

from django.db import connections

from . import configuration
from .enqueue import CHANNEL

logger = logging.getLogger(__name__)

_ASK = "UPDATE durable_tasks_queue SET is_listened = %s WHERE is_listened <> %s"
_HAS_READY = """
SELECT EXISTS (SELECT FROM durable_tasks_task t JOIN durable_tasks_queue q ON q.name = t.queue
    WHERE t.state = 1 AND NOT q.is_paused AND t.due_at > now() - interval '1 second')
"""


class Listener:
    """LISTEN on a connection of its own: a pooler in transaction mode would not keep it."""

    def __init__(self) -> None:
        """Connect when first needed."""
        self._wrapper: Any = None
        self._asked = False

    def wait(self, seconds: float | None) -> None:
        """Sleep so many seconds; with None until something is enqueued, or it is time to look."""
        if seconds is not None:
            self._ask(False)
            time.sleep(seconds)
            return
        try:
            connection = self._connection()
            if self._ask(True):  # what came between the last look and the question
                return
            for _ in connection.notifies(timeout=configuration.poll_seconds(), stop_after=1):
                pass
        except Exception as error:
            logger.debug("Not listening: %s", error)
            self.close()
            time.sleep(configuration.poll_seconds())

    def close(self) -> None:
        """End the connection."""
        wrapper, self._wrapper, self._asked = self._wrapper, None, False
        if wrapper is not None:
            try:
                wrapper.close()
            except Exception as error:  # it is being given up
                logger.debug("Closing: %s", error)

    def _connection(self) -> Any:
        if self._wrapper is None:
            wrapper = connections.create_connection(configuration.database())
            wrapper.connect()
            wrapper.connection.execute(f"LISTEN {CHANNEL}")
            self._wrapper = wrapper
        return self._wrapper.connection

    def _ask(self, is_wanted: bool) -> bool:
        """Ask commits to notify, or not to; tell whether there is something to do at once."""
        if self._asked == is_wanted:
            return False
        with connections[configuration.database()].cursor() as cursor:
            cursor.execute(_ASK, [is_wanted, is_wanted])
            self._asked = is_wanted
            if not is_wanted:
                return False
            cursor.execute(_HAS_READY)
            return bool(cursor.fetchone()[0])
