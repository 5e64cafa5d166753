"""When a task is due and when it expires, as callers say it."""

import math
from datetime import UTC, datetime
from numbers import Real
from typing import Any

from celery import Celery
from celery.utils.time import make_aware, maybe_iso8601, timezone

# A delay is added to the database's clock, whose dates end; nobody means one of a century.
LONGEST_SECONDS = 100 * 366 * 86_400
FIRST_YEAR, LAST_YEAR = 1970, 9000
Moment = tuple[float | None, datetime | None]


def due(app: Celery, name: str, countdown: Any, eta: Any) -> Moment:
    """Return a delay in seconds or a point in time; a countdown is what counts, as in Celery.

    Raises TypeError and ValueError for what is neither.
    """
    if countdown or eta is None:
        return _seconds(name, "countdown", countdown), None
    return None, _point(app, name, "eta", eta)


def expiry(app: Celery, name: str, expires: Any) -> Moment:
    """Return the seconds from now, or the point in time, after which a task shall not start."""
    if expires is None or isinstance(expires, Real):
        return _seconds(name, "expires", expires), None
    return None, _point(app, name, "expires", expires)


def _seconds(name: str, option: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: {option}={value!r} is no number of seconds.")
    seconds = float(value)
    if math.isnan(seconds) or abs(seconds) > LONGEST_SECONDS:
        raise ValueError(f"{name}: {option}={value!r} seconds are longer than a century.")
    return seconds


def _point(app: Celery, name: str, option: str, value: Any) -> datetime:
    try:
        point = maybe_iso8601(value)
    except (TypeError, ValueError):
        point = None
    if not isinstance(point, datetime):
        raise TypeError(f"{name}: {option}={value!r} is no datetime.")
    # PostgreSQL knows years that Python cannot read back, and a zone may shift one there.
    if not FIRST_YEAR <= point.year <= LAST_YEAR:
        raise ValueError(f"{name}: {option}={value!r} is not between {FIRST_YEAR} and {LAST_YEAR}.")
    if point.tzinfo is not None:
        return point
    # As Celery's worker reads a naive one.
    zone = app.conf.timezone
    return make_aware(point, UTC if zone is None else timezone.tz_or_local(zone))
