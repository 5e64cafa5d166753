"""The relay: publishes what is due, queue by queue, for as long as it lives. It imports no task."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from celery import Celery
from django.db import DatabaseError, InterfaceError, connections, reset_queries

from . import configuration, listening, locks, lost, marking, publication
from .broker import Broker
from .upkeep import Upkeep

logger = logging.getLogger(__name__)

# The first pause of an outage, and the longest: an hour's outage costs few attempts, and its end is
# noticed soon.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
# Several tasks a turn: commits come faster than the relay turns, and need not wake it.
BUSY_TASKS = 4
BUSY_SECONDS = 0.02
# The longest nap while a window is being emptied: workers may come to be faster.
EMPTYING_SECONDS = 0.1
# A queue that the broker refuses alone (of another type, without a right to it), or that cannot be
# published to, is tried again from the first pause on up to this one: the others go on meanwhile.
WRONG_QUEUE_SECONDS = 10.0
# After a connection to the broker everything is looked for, once what was on its way has been sent.
LOOK_AFTER_SECONDS = lost.SENT_SECONDS + 1

# A function (migration 0004), planned once a session.
_WAITING = "SELECT * FROM durable_tasks_waiting()"


@dataclass(frozen=True)
class Waiting:
    """A queue: how many messages are published, whose lease ended, and whether more are ready."""

    queue: str
    published: int
    ended: int
    has_ready: bool


def nothing(relay: "Relay") -> None:
    """Do nothing after a turn."""


class Relay:
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
        self.app, self.only, self.but = app, tuple(queues), frozenset(but)
        self.has_upkeep = has_upkeep
        self.broker, self.upkeep, self.listener = Broker(app), Upkeep(), listening.Listener()
        self.outage: BaseException | None = None
        self._pause_seconds = PAUSE_SECONDS
        # What an earlier relay had marked when it ended is looked for too.
        self._look_at = time.monotonic() + LOOK_AFTER_SECONDS
        self._seen: list[Waiting] = []
        self._backlog: dict[str, int] = {}
        self._looked_at = 0.0
        self._look_at_all_by = 0.0
        self._nap_seconds = BUSY_SECONDS
        # Queues of commits that woke it: their tasks are hurried, and what else is due comes later.
        self._hurried: set[str] = set()
        self.refused: dict[str, BaseException] = {}  # queues that cannot be published to
        self._wrong_seconds: dict[str, float] = {}
        self._wrong_until: dict[str, float] = {}

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

    def turn(self) -> tuple[int, bool]:
        """Do everything once; return how many were published, and whether there is more at once.

        `outage` is then what the broker raised, or None; `refused` what it raised about a queue.
        """
        reset_queries()  # with DEBUG, Django keeps what a process has ever asked
        published = self._publish_all()
        return published, self.has_upkeep and self.upkeep.turn(is_urgent=not self._hurried)

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
                self._hurried = self.listener.wait(self._patience())
        except (DatabaseError, InterfaceError) as error:
            what = "The database refuses" if locks.is_refusal(error) else "The database is away"
            connections[configuration.database()].close()
            self._pause(what, error)

    def _patience(self) -> float:
        """Return when to look again: soon where a window is being emptied, as nobody tells that."""
        backlog = {each.queue: each.published for each in self._seen if each.has_ready}
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

    def _pause(self, what: str, error: BaseException) -> None:
        logger.warning("%s, trying again: %s", what, error.__cause__ or error)
        self._hurried = set()
        time.sleep(self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)

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
                self._leave_out(waiting.queue, error)
            except self.broker.errors() as error:
                if self.broker.is_away(error):
                    self.broker.close()
                    self.outage = error
                    break
                # About this queue (a key of another type, no right to it), or about all of them
                # (full): each is tried on a connection made anew, and rests by itself.
                self.broker.renew()
                self._leave_out(waiting.queue, error)
            except Exception as error:
                self._leave_out(waiting.queue, error)
        return published

    def _leave_out(self, queue: str, error: BaseException) -> None:
        """Let a queue rest that cannot be published to, longer each time; the others go on."""
        seconds = self._wrong_seconds.get(queue, PAUSE_SECONDS)
        self._wrong_seconds[queue] = min(2 * seconds, WRONG_QUEUE_SECONDS)
        self._wrong_until[queue] = time.monotonic() + seconds
        # Once as an error, which may be mailed to somebody.
        level = logging.WARNING if queue in self.refused else logging.ERROR
        self.refused[queue] = error
        why = error.__cause__ or error
        # Its traceback says nothing where it is the broker's own answer, or the database's.
        is_answer = isinstance(error, (DatabaseError, *self.broker.errors()))
        trace = None if is_answer else error
        logger.log(level, "Queue %s cannot be published to: %r", queue, why, exc_info=trace)

    def _waiting(self) -> list[Waiting]:
        now = time.monotonic()
        # Commits that wake it may never cease, and not everything that is due wakes it.
        if self._hurried and now < self._look_at_all_by:  # the mark looks whether there is room
            waiting = [Waiting(queue, 0, 0, True) for queue in sorted(self._hurried)]
        else:
            self._look_at_all_by = now + configuration.poll_seconds()
            with connections[configuration.database()].cursor() as cursor:
                cursor.execute(_WAITING)
                waiting = [Waiting(*row) for row in cursor.fetchall()]
        return [each for each in waiting if self._is_served(each.queue, now)]

    def _is_served(self, queue: str, now: float) -> bool:
        is_ours = (not self.only or queue in self.only) and queue not in self.but
        return is_ours and self._wrong_until.get(queue, 0.0) <= now

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
        self.refused.pop(queue, None)
        self._wrong_seconds.pop(queue, None)
        return count

    def _look_for_all(self) -> None:
        now = time.monotonic()
        if self.broker.is_new:
            self.broker.is_new = False
            # Not put off: one queue that is refused makes the connection new each time.
            self._look_at = self._look_at or now + LOOK_AFTER_SECONDS
        if self._look_at and now >= self._look_at:
            self._look_at = 0.0
            lost.look_for_all()


Turned = Callable[[Relay], object]


def _until_half(published: int, before: int | None, seconds: float) -> float:
    """Return a nap of half the time after which a window can be refilled, as it has gone so far."""
    if before is None or before <= published:
        return BUSY_SECONDS
    rest = (published - configuration.window() / 2) * seconds / (before - published)
    return max(BUSY_SECONDS, min(rest / 2, EMPTYING_SECONDS))
