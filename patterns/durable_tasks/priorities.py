"""A priority as rows have it, the lowest first, and as the broker's transport has it."""

from typing import Any

from celery import Celery

# On these a larger number goes first, and in Redis the smaller one: a caller's 9 keeps its meaning.
LARGEST_FIRST = ("amqp", "pyamqp", "amqps")
HIGHEST_PRIORITY = 255  # of a broker that has most of them


def rank(app: Celery, priority: Any) -> int:
    """Return a Celery priority so that the lowest goes first, as the broker's transport has it."""
    if priority is None:
        return 0
    is_number = isinstance(priority, int) and not isinstance(priority, bool)
    if not (is_number and 0 <= priority <= HIGHEST_PRIORITY):
        raise ValueError(f"priority={priority!r} is no number from 0 to {HIGHEST_PRIORITY}.")
    return -int(priority) if _is_largest_first(app) else int(priority)


def priority(app: Celery, rank: int) -> int:
    """Return a rank as the broker's transport has it; what it cannot tell apart, rows can."""
    return max(0, -rank if _is_largest_first(app) else rank)


def _is_largest_first(app: Celery) -> bool:
    scheme = str(app.conf.broker_write_url or "").partition(":")[0].partition("+")[0]
    return scheme in LARGEST_FIRST
