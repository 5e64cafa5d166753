"""Until when a mail is of use: said by whoever sends it, as an attribute of the message."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from .errors import MailNotAccepted


def expiry(message: Any) -> datetime | None:
    """Return a message's `expires_at` (aware), or when its `expires_in` from now is; else None.

    Raises `MailNotAccepted` for both at once, a time without a zone and what is no time.
    """
    at, within = getattr(message, "expires_at", None), getattr(message, "expires_in", None)
    if at is not None and within is not None:
        raise MailNotAccepted("A mail has both expires_at and expires_in: set one of them.")
    if isinstance(within, timedelta):
        return timezone.now() + within
    if within is not None:
        raise MailNotAccepted(f"A mail's expires_in is {within!r}: set a timedelta.")
    if at is None or (isinstance(at, datetime) and timezone.is_aware(at)):
        return at
    raise MailNotAccepted(f"A mail's expires_at is {at!r}: set a datetime with a time zone.")
