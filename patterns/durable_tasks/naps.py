"""How long a relay sleeps where nothing wakes it: nobody tells that a window is half empty."""

import time
from collections.abc import Iterable

from . import configuration
from .waiting import Waiting

# The shortest nap, of a relay that has much to do.
BUSY_SECONDS = 0.02
# The longest nap while a window is being emptied: workers may come to be faster.
EMPTYING_SECONDS = 0.1


class Naps:
    """What the last turn saw of the windows, and how long it is worth to wait for the next one."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._backlog: dict[str, int] = {}
        self._looked_at = 0.0
        self._nap_seconds = BUSY_SECONDS

    def next_seconds(self, seen: Iterable[Waiting]) -> float:
        """Return when to look again: soon where a window is being emptied; a poll at most."""
        backlog = {each.queue: each.published for each in seen if each.has_ready}
        before, self._backlog = self._backlog, backlog
        seconds, self._looked_at = time.monotonic() - self._looked_at, time.monotonic()
        poll = configuration.poll_seconds()
        is_moving = backlog != before
        self._nap_seconds = BUSY_SECONDS if is_moving else min(2 * self._nap_seconds, poll)
        if not backlog:
            return poll
        if not is_moving:
            return self._nap_seconds
        return min(_until_half(rows, before.get(queue), seconds) for queue, rows in backlog.items())


def _until_half(published: int, before: int | None, seconds: float) -> float:
    """Return a nap of half the time after which a window can be refilled, as it has gone so far."""
    if before is None or before <= published:
        return BUSY_SECONDS
    rest = (published - configuration.window() / 2) * seconds / (before - published)
    return max(BUSY_SECONDS, min(rest / 2, EMPTYING_SECONDS))
