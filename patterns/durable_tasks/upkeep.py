"""What a relay does besides publishing: everything in flight is leased, and leases end."""

import time

from django.db import DatabaseError

from . import caps, configuration, locks
from .discovery import REST_SECONDS, discover
from .promotion import promote

# A busy relay turns fifty times a second; leases, due times and expiries need not be that exact.
TURN_SECONDS = 0.1
DISCOVER_SECONDS = 0.5
COUNT_REMEDY = (
    "give the relay's database role a longer statement_timeout, or VACUUM durable_tasks_task"
)


class Upkeep:
    """The relay's housekeeping, each part as often as it needs to be."""

    def __init__(self) -> None:
        """Do everything at the first turn."""
        self.turn_at = self.discover_at = self.measure_at = 0.0
        self._left_out_until: dict[str, float] = {}

    def turn(self, *, is_urgent: bool = True) -> bool:
        """Promote what is due, expire, take back ended leases; now and then count the rows.

        Where it is not urgent, as late as an idle relay would. Returns whether something became
        ready, or there may be more to do: do not sleep then. What the database refuses (a lock, a
        statement that takes too long) is logged and left for later; raises where it is away.
        """
        now = time.monotonic()
        if now < self.turn_at + (0 if is_urgent else configuration.poll_seconds()):
            return False
        self.turn_at = now + TURN_SECONDS
        has_more = self._promote()
        if now >= self.discover_at:
            self.discover_at = now + DISCOVER_SECONDS
            has_more = self._discover() or has_more
        if now >= self.measure_at:
            self._measure(now)
        if has_more:
            self.turn_at = 0.0
        return has_more

    def _promote(self) -> bool:
        try:
            return promote()
        except DatabaseError as error:
            locks.say_refused(error, "Due tasks, expiries and ended leases wait")
            self.turn_at = time.monotonic() + REST_SECONDS
            return False

    def _discover(self) -> bool:
        try:
            return discover(self._left_out_until)
        except DatabaseError as error:
            locks.say_refused(error, "New queues are not found")
            self.discover_at = time.monotonic() + REST_SECONDS
            return False

    def _measure(self, now: float) -> None:
        try:
            self.measure_at = time.monotonic() + caps.measure()
        except DatabaseError as error:
            locks.say_refused(error, "The queues' caps are not watched", COUNT_REMEDY)
            self.measure_at = time.monotonic() + caps.rest_seconds(now)
