"""The relay: publishes what is due, queue by queue, for as long as it lives. It imports no task."""

import logging
import time
from collections.abc import Callable, Iterable

from celery import Celery
from django.db import DatabaseError, InterfaceError, connections

from . import configuration, listening, locks
from .naps import BUSY_SECONDS, Naps
from .turns import Turns

logger = logging.getLogger(__name__)

# The first pause of an outage, and the longest: an hour's outage costs few attempts, and its end is
# noticed soon.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
# Several tasks a turn: commits come faster than the relay turns, and need not wake it.
BUSY_TASKS = 4


def nothing(relay: "Relay") -> None:
    """Do nothing after a turn."""


class Relay(Turns):
    """One relay. Any number may run: each queue is marked by one at a time.

    Crash: what was marked and not published is published again when its lease ends, or a relay
    starts. Everything it does can be done twice.
    """

    def __init__(
        self,
        app: Celery,
        queues: Iterable[str] = (),
        *,
        but: Iterable[str] = (),
        has_upkeep: bool = True,
    ) -> None:
        """Publish for `app`: for the named queues alone, where there are any, and for none of
        `but`, which are other apps'. One relay of a process does the upkeep of all queues."""
        super().__init__(app, queues, but, has_upkeep=has_upkeep)
        self.listener, self._naps = listening.Listener(), Naps()
        self._pause_seconds = PAUSE_SECONDS

    def run(self, turned: "Turned" = nothing) -> None:
        """Publish until SystemExit or KeyboardInterrupt; an outage is waited for.

        `turned` is called after each turn, as a sign of life; what it raises ends the relay.
        """
        try:
            while True:
                self.turn_and_wait()
                turned(self)
        finally:
            self.listener.close()
            self.broker.close()

    def turn_and_wait(self) -> None:
        """Do everything once, and sleep as long as nothing is expected to be due."""
        try:
            published, has_more = self.turn()
            if self.outage is not None:
                self._pause("The broker is away", self.outage)
                return
            self._pause_seconds = PAUSE_SECONDS
            was_woken, self._hurried = bool(self._hurried), set()
            if published >= BUSY_TASKS:
                listening.leave_out()
                if 2 * published < configuration.window():  # else a window may be empty again
                    time.sleep(BUSY_SECONDS)
            elif (was_woken or not published) and not has_more:
                self._hurried = self.listener.wait(self._naps.next_seconds(self._seen))
        except (DatabaseError, InterfaceError) as error:
            what = "The database refuses" if locks.is_refusal(error) else "The database is away"
            connections[configuration.database()].close()
            self._pause(what, error)

    def _pause(self, what: str, error: BaseException) -> None:
        logger.warning("%s, trying again: %s", what, error.__cause__ or error)
        self._hurried = set()
        time.sleep(self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)


Turned = Callable[[Relay], object]
