"""Beat, for durable tasks: one firing for a due time, however many beats run.

A firing is a row (entry, due time) in the same transaction as the task's. A second beat finds it
and does nothing; a beat that is killed between the two has done neither.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.beat import SchedulingError
from celery.schedules import crontab
from celery.utils.time import maybe_make_aware
from django.db import InterfaceError, OperationalError, ProgrammingError, connections, transaction

from . import configuration, unsent
from .ending import end_in_time

logger = logging.getLogger(__name__)

# The last is a table that is missing: beat was started before the migrations.
AWAY = (OperationalError, InterfaceError, ProgrammingError)
# How soon beat looks again after the database was away.
PAUSE_SECONDS = 5.0
EPOCH = datetime.fromtimestamp(0, UTC)
# A schedule for the 29th of February finds its last match within eight years.
LONGEST_WAY_BACK = timedelta(days=8 * 366 + 1)

_FIRST = """
INSERT INTO durable_tasks_firing (entry, due_at) VALUES (%s, %s)
ON CONFLICT (entry, due_at) DO NOTHING RETURNING id
"""


class DurableScheduler:
    """Mixed into a scheduler of beat: `class Mine(DurableScheduler, DatabaseScheduler)`.

    Crash: a firing and its task are there, or neither, and the entry fires when beat is back.
    Duplicate: of two beats, the first that commits enqueues; interval entries fire once in each
    span of their interval's length, counted from 1970. Rollback: the entry is due again as soon as
    the database is back; SIGTERM ends beat in three seconds, whatever the database does. A plain
    task (`durable = False`) is sent once as well. What could not be sent, its broker being away or
    its queue full, is a failed row, one an entry.
    """

    # Celery connects to the broker before it sends, and waits for it. Durable tasks do not need it;
    # a plain one takes a connection from the app's pool.
    producer = None
    _is_started = False

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next look."""
        if not self._is_started:  # beat has set its signal handlers by now
            self._is_started = True
            end_in_time()
        try:
            return float(super().tick(*args, **kwargs))  # type: ignore[misc]  # of the scheduler
        except AWAY as error:
            logger.warning("The database does not answer, nothing is sent: %s", error)
            connections.close_all()
            self._heap = None  # the entry was taken off it, and is still due
            return PAUSE_SECONDS

    def reserve(self, entry: Any) -> Any:
        """Fire an entry, then count it as done: in this order, so that no firing is lost."""
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
            with transaction.atomic(using=configuration.database()):
                self._enqueue(entry, due_time(entry))
        except AWAY:
            raise
        except Exception as error:
            if isinstance(error, SchedulingError) and isinstance(error.__context__, AWAY):
                raise error.__context__ from error
            logger.exception("Beat entry %r was not sent; it is tried when next due.", entry.name)
            cause = error.__context__ if isinstance(error, SchedulingError) else None
            unsent.keep(self.app, entry, cause or error)

    def _enqueue(self: Any, entry: Any, due_at: datetime) -> None:
        if is_first(entry.name, due_at):
            logger.info("Beat entry %r, due at %s: sending %s.", entry.name, due_at, entry.task)
            self.apply_async(entry, advance=False)
        else:
            logger.info("Beat entry %r, due at %s, was sent by another beat.", entry.name, due_at)


def is_first(entry: str, due_at: datetime) -> bool:
    """Record a firing in the open transaction; tell whether it was not recorded yet.

    Waits for a transaction of another beat that records the same one. Rollback: not recorded.
    """
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_FIRST, [entry, due_at])
        return cursor.fetchone() is not None


def due_time(entry: Any) -> datetime:
    """Return the time for which an entry fires now: the same in all beats, by their clocks."""
    plan = entry.schedule
    now = maybe_make_aware(plan.now()).astimezone(UTC)
    if isinstance(plan, crontab):
        return latest_match(plan, now)
    length = getattr(plan, "run_every", None)
    if isinstance(length, timedelta) and length > timedelta(0):
        return EPOCH + (now - EPOCH) // length * length
    if clocked_time := getattr(plan, "clocked_time", None):  # django-celery-beat's "at this time"
        return maybe_make_aware(clocked_time).astimezone(UTC)
    return now.replace(second=0, microsecond=0)


def latest_match(plan: crontab, now: datetime) -> datetime:
    """Return the last time up to now that a crontab matches.

    Not the one after the entry's last run: a beat that was away may have missed several.
    """
    way_back = timedelta(minutes=1)
    while way_back < 2 * LONGEST_WAY_BACK:
        match = next_match(plan, now - way_back)
        if match <= now:
            while (later := next_match(plan, match)) <= now:
                match = later
            return match
        way_back *= 2
    return now.replace(second=0, microsecond=0)


def next_match(plan: crontab, after: datetime) -> datetime:
    """Return the first time after a time that a crontab matches."""
    start, forward, _ = plan.remaining_delta(after)
    found: datetime = (start + forward).astimezone(UTC)
    return found
