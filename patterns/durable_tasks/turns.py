"""A turn of the relay: each queue that waits is published to, and one that cannot be rests."""

import time
from collections.abc import Iterable

from celery import Celery
from django.db import DatabaseError, InterfaceError, reset_queries

from . import configuration, locks, lost, marking, publication
from .broker import Broker
from .resting import Resting
from .upkeep import Upkeep
from .waiting import Waiting, all_waiting

# After a connection to the broker everything is looked for, once what was on its way has been sent.
LOOK_AFTER_SECONDS = lost.SENT_SECONDS + 1


class Turns:
    """What a relay does once, and what it knows from the turns before.

    Crash: see `Relay`. A database that is away raises; a broker that is away is noted.
    """

    def __init__(
        self, app: Celery, queues: Iterable[str], but: Iterable[str], *, has_upkeep: bool
    ) -> None:
        """As `Relay`, which says what these are."""
        self.app, self.only, self.but = app, tuple(queues), frozenset(but)
        self.has_upkeep = has_upkeep
        self.broker, self.upkeep = Broker(app), Upkeep()
        self.outage: BaseException | None = None
        # What an earlier relay had marked when it ended is looked for too.
        self._look_at = time.monotonic() + LOOK_AFTER_SECONDS
        self._newest_look_at = 0.0  # after the newest connection
        self._seen: list[Waiting] = []
        self._look_at_all_by = 0.0
        # Queues of commits that woke it: their tasks are hurried, and what else is due comes later.
        self._hurried: set[str] = set()
        self._resting = Resting()
        self.refused = self._resting.errors  # queues that cannot be published to

    def turn(self) -> tuple[int, bool]:
        """Do everything once; return how many were published, and whether there is more at once.

        `outage` is then what the broker raised, or None; `refused` what it raised about a queue.
        """
        reset_queries()  # with DEBUG, Django keeps what a process has ever asked
        published = self._publish_all()
        return published, self.has_upkeep and self.upkeep.turn(is_urgent=not self._hurried)

    def _publish_all(self) -> int:
        published, self.outage = 0, None
        self._look_for_all()
        self._seen = self._waiting()
        for waiting in self._seen:
            try:
                published += self._publish(waiting)
            except (DatabaseError, InterfaceError) as error:
                if not locks.is_refusal(error):
                    raise
                self._resting.leave_out(waiting.queue, error, is_answer=True)
            except self.broker.errors() as error:
                if self.broker.is_away(error):
                    self.broker.close()
                    self.outage = error
                    break
                # About this queue (a key of another type, no right to it), or about all of them
                # (full): each is tried on a connection made anew, and rests by itself.
                self.broker.renew()
                self._resting.leave_out(waiting.queue, error, is_answer=True)
            except Exception as error:
                self._resting.leave_out(waiting.queue, error, is_answer=False)
        return published

    def _waiting(self) -> list[Waiting]:
        now = time.monotonic()
        # Commits that wake it may never cease, and not everything that is due wakes it.
        if self._hurried and now < self._look_at_all_by:  # the mark looks whether there is room
            waiting = [Waiting(queue, 0, 0, True) for queue in sorted(self._hurried)]
        else:
            self._look_at_all_by = now + configuration.poll_seconds()
            waiting = all_waiting()
        return [each for each in waiting if self._is_served(each.queue, now)]

    def _is_served(self, queue: str, now: float) -> bool:
        is_ours = (not self.only or queue in self.only) and queue not in self.but
        return is_ours and not self._resting.rests(queue, now)

    def _publish(self, waiting: Waiting) -> int:
        queue = waiting.queue
        if waiting.ended:
            lost.publish_again(queue, lambda: self.broker.depth(queue))
        elif not waiting.has_ready or not marking.has_room(waiting.published):
            return 0
        # First, and outside of the transaction: an outage marks nothing.
        producer, target = self.broker.producer(), self.broker.target(queue)
        marked = marking.mark(queue)
        if not marked:
            return 0
        count = publication.publish(self.app, producer, target, marked, self.broker.errors())
        self._resting.forget(queue)
        return count

    def _look_for_all(self) -> None:
        now = time.monotonic()
        if self.broker.is_new:
            self.broker.is_new = False
            # Not put off: one queue that is refused makes the connection new each time.
            self._newest_look_at = now + LOOK_AFTER_SECONDS
            self._look_at = self._look_at or self._newest_look_at
        if self._look_at and now >= self._look_at:
            lost.look_for_all()
            # Not before: a database that is away then is asked again. What was sent just before the
            # newest connection is too new for this look, and is found by one more.
            self._look_at = self._newest_look_at if self._newest_look_at > now else 0.0
