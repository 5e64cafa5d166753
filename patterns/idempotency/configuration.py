"""The settings, their defaults, and why each default is what it is.

Read when they are used, so that a test can override them.
"""

from django.conf import settings


def keep_days() -> float:
    """Return how long a recorded result is kept: a year outlasts the replay of any failed task."""
    return float(getattr(settings, "IDEMPOTENCY_KEEP_DAYS", 365))


def queue() -> str:
    """Return the queue of the clean-up task."""
    return str(getattr(settings, "IDEMPOTENCY_QUEUE", "default"))


# Everything above; a name that begins the same and is not here is a typo (see checks.py).
NAMES = ("IDEMPOTENCY_KEEP_DAYS", "IDEMPOTENCY_QUEUE")
