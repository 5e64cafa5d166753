"""The time for which a beat entry fires: the same in all beats."""

from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import crontab
from celery.utils.time import maybe_make_aware

EPOCH = datetime.fromtimestamp(0, UTC)
# A schedule for the 29th of February finds its last match within eight years.
LONGEST_WAY_BACK = timedelta(days=8 * 366 + 1)


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
