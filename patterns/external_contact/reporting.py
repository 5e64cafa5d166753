"""What is said of contacts in production: a line a place, within bounds."""

import logging
import time

from .counting import contacts

logger = logging.getLogger(__name__)

# A busy page would fill the log: each place is told so often, and so many places in that time.
PERIOD_SECONDS = 600.0
MOST_PLACES = 20

_told_at: dict[str, float] = {}


def report(message: str, *, place: str) -> None:
    """Count a contact, and log it unless its place, or too many others, was logged lately."""
    contacts.add()
    now = time.monotonic()
    for known, at in list(_told_at.items()):
        if at <= now - PERIOD_SECONDS:
            _told_at.pop(known, None)
    if place in _told_at or len(_told_at) >= MOST_PLACES:
        return
    _told_at[place] = now
    logger.warning("%s Enqueue a task that does it. (%d so far)", message, contacts.total())
