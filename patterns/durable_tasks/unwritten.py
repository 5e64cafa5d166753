"""Messages whose rows are still to be written: each is acknowledged after its row, in order."""

from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger

logger = get_logger(__name__)

# While the database is away: a message waits unacknowledged, and its write is tried again so often.
PAUSE_SECONDS = 10
Write = Callable[[], object]


class Unwritten:
    """What one consumer has taken, and could not write yet.

    Crash: the broker hands it out again.
    """

    def __init__(self, consumer: Any) -> None:
        """Nothing waits."""
        self._consumer = consumer
        self._waiting: list[tuple[Any, Write]] = []

    def clear(self) -> None:
        """Forget what belongs to a connection that was lost."""
        self._waiting.clear()

    def settle(self, message: Any, write: Write) -> None:
        """Write, then acknowledge; after those that wait already, if the database is away.

        Raises what a broker raises that refuses the acknowledgment: it hands the message out again.
        """
        self._waiting.append((message, write))
        if len(self._waiting) == 1:
            self._settle_waiting()

    def acknowledge(self, message: Any) -> None:
        """Acknowledge a message, unless that was done; a connection that is lost is logged."""
        if not message.acknowledged:
            message.ack_log_error(logger, self._consumer.connection_errors)

    def _settle_waiting(self) -> None:
        try:
            while self._waiting and self._is_settled(*self._waiting[0]):
                pass
        finally:
            # Also where an acknowledgment raised (a broker that is full): without a timer whatever
            # waits, and whatever comes, would wait for as long as the connection lasts.
            if self._waiting:
                self._consumer.timer.call_after(PAUSE_SECONDS, self._settle_waiting)

    def _is_settled(self, message: Any, write: Write) -> bool:
        try:
            write()
        except Exception as error:
            logger.critical(
                "%d messages that cannot be tasks stay unacknowledged, and are tried again in"
                " %d s, since the database does not take them: %s",
                len(self._waiting),
                PAUSE_SECONDS,
                error,
            )
            return False
        del self._waiting[0]
        self.acknowledge(message)
        return True
