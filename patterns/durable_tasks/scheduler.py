"""Beat, for durable tasks: one firing for a due time, however many beats run.

A firing is a row (entry, due time) in the same transaction as the task's. A second beat finds it
and does nothing; a beat that is killed between the two has done neither.
"""

import logging
from datetime import datetime
from heapq import heappush
from typing import Any

from celery.beat import SchedulingError, event_t
from django.db import InterfaceError, OperationalError, ProgrammingError, connections

from . import configuration, locks, unsent
from .due_times import due_time
from .ending import end_in_time

logger = logging.getLogger(__name__)

# The last is a table that is missing: beat was started before the migrations.
AWAY = (OperationalError, InterfaceError, ProgrammingError)
# How soon beat looks again after the database was away, and at an entry that was put off.
PAUSE_SECONDS = 5.0
PRIORITY = 5  # Celery's beat gives every entry the same

_FIRST = """
INSERT INTO durable_tasks_firing (entry, due_at) VALUES (%s, %s)
ON CONFLICT (entry, due_at) DO NOTHING RETURNING id
"""


class DurableScheduler:
    """Mixed into a scheduler of beat: `class Mine(DurableScheduler, DatabaseScheduler)`.

    Crash: a firing and its task are there, or neither, and the entry fires when beat is back.
    Duplicate: of two beats, the first that commits enqueues; interval entries fire once in each
    span of their interval's length, counted from 1970. Rollback: the entry is due again as soon as
    the database is back, or ends to be locked; the others fire meanwhile. SIGTERM ends beat in
    three seconds, whatever the database does. A plain task (`durable = False`) is sent by one beat
    as well; where the COMMIT fails after it was sent, it is sent again. What could not be sent (its
    broker is away, its queue full, a question that it asks is refused) is a failed row, one an
    entry.
    """

    # Celery connects to the broker before it sends, and waits for it. Durable tasks do not need it;
    # a plain one takes a connection from the app's pool.
    producer = None
    _is_started = False
    _in_hand: Any = None  # the entry that is being fired: off the heap, and not on it again yet

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next look."""
        if not self._is_started:  # beat has set its signal handlers by now
            self._is_started = True
            end_in_time()
        self._in_hand = None
        try:
            return float(super().tick(*args, **kwargs))  # type: ignore[misc]  # of the scheduler
        except AWAY as error:
            return self._put_off(error)

    def reserve(self, entry: Any) -> Any:
        """Fire an entry, then count it as done: in this order, so that no firing is lost."""
        self._in_hand = entry
        self._fire(entry)
        return super().reserve(entry)  # type: ignore[misc]

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Do nothing: it was sent when it was reserved."""

    def should_sync(self) -> bool:
        """Never write the schedule within a firing's transaction."""
        inside = connections[configuration.database()].in_atomic_block
        return not inside and bool(super().should_sync())  # type: ignore[misc]

    def _fire(self: Any, entry: Any) -> None:
        """Enqueue an entry's task unless another beat did. Raises what `AWAY` holds."""
        try:
            # A lazy argument and `message_headers()` are the project's own, and take their time.
            with locks.bounded(locks.BOUNDED_AROUND_HOOKS):
                self._enqueue(entry, due_time(entry))
        except AWAY:
            raise
        except Exception as error:
            wrapped = error.__context__ if isinstance(error, SchedulingError) else None
            cause = wrapped or error
            if isinstance(cause, AWAY) and not _is_about_the_entry(cause):
                raise cause from cause.__cause__  # which has what the server said
            logger.exception("Beat entry %r was not sent; it is tried when next due.", entry.name)
            if not unsent.keep(self.app, entry, cause) and isinstance(cause, AWAY):
                raise cause from cause.__cause__  # the database refuses everything

    def _enqueue(self: Any, entry: Any, due_at: datetime) -> None:
        if is_first(entry.name, due_at):
            logger.info("Beat entry %r, due at %s: sending %s.", entry.name, due_at, entry.task)
            self.apply_async(entry, advance=False)
        else:
            logger.info("Beat entry %r, due at %s, was sent by another beat.", entry.name, due_at)

    def _put_off(self: Any, error: Exception) -> float:
        """Let what is behind the entry in hand go first; return the seconds until the next look."""
        entry = self._in_hand
        if entry is None:
            self._heap = None  # half read, it may be
        else:
            heappush(self._heap, event_t(self._when(entry, PAUSE_SECONDS), PRIORITY, entry))
        if entry is not None and isinstance(error, OperationalError) and locks.is_refusal(error):
            seconds, why = PAUSE_SECONDS, str(error).strip()
            logger.warning("Beat entry %r is tried again in %s s: %s", entry.name, seconds, why)
            return 0.0
        logger.warning("The database does not answer, nothing is sent: %s", error)
        connections.close_all()
        return PAUSE_SECONDS


def _is_about_the_entry(error: BaseException) -> bool:
    """Tell whether the database is there and has refused what an entry's own enqueuing asked.

    A lock that was waited for in vain is somebody else's: the entry is tried again.
    """
    return locks.is_refusal(error) and not locks.is_timeout(error)


def is_first(entry: str, due_at: datetime) -> bool:
    """Record a firing in the open transaction; tell whether it was not recorded yet.

    Waits for a transaction of another beat that records the same one, as long as this one's
    `lock_timeout`. Rollback: not recorded.
    """
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_FIRST, [entry, due_at])
        return cursor.fetchone() is not None
