"""Queues that cannot be published to: each rests by itself, and the others go on."""

import logging
import time

logger = logging.getLogger(__name__)

# A queue that the broker refuses alone (of another type, without a right to it), or that cannot be
# published to, is tried again after the first of these, then less often, up to the other.
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0
# One that is not tried again for so long after its rest waits for nothing any more: what had waited
# is cancelled, or another relay's. What it raises next is another outage.
OVER_AFTER_SECONDS = 60.0


class Resting:
    """The queues of one relay that rest, and why."""

    def __init__(self) -> None:
        """No queue rests."""
        self.errors: dict[str, BaseException] = {}
        self._seconds: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def rests(self, queue: str, now: float) -> bool:
        """Tell whether a queue is not to be tried at this time of `time.monotonic()`."""
        return self._until.get(queue, 0.0) > now

    def leave_out(self, queue: str, error: BaseException, *, is_answer: bool) -> None:
        """Let a queue rest, longer each time; say why in the log.

        `is_answer`: it is the broker's own or the database's, of which a traceback says nothing.
        """
        now = time.monotonic()
        if self._until.get(queue, now) < now - OVER_AFTER_SECONDS:
            self.forget(queue)
        seconds = self._seconds.get(queue, FIRST_SECONDS)
        self._seconds[queue] = min(2 * seconds, LONGEST_SECONDS)
        self._until[queue] = now + seconds
        # Once as an error, which may be mailed to somebody.
        level = logging.WARNING if queue in self.errors else logging.ERROR
        self.errors[queue] = error
        trace = None if is_answer else error
        why = error.__cause__ or error
        logger.log(level, "Queue %s cannot be published to: %r", queue, why, exc_info=trace)

    def forget(self, queue: str) -> None:
        """Take note that a queue was published to."""
        self.errors.pop(queue, None)
        self._seconds.pop(queue, None)
