"""What the far side's answer, which an error carries, says about trying again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError

# Request timeout, too early, too many requests: the 4xx that waiting does cure.
TRANSIENT_STATUSES = frozenset({408, 425, 429})


def is_transient(status: int) -> bool:
    """Tell whether trying again may help against an answer of this status."""
    return status >= 500 or status in TRANSIENT_STATUSES


def http_status(error: BaseException) -> int | None:
    """Return the status of the answer that an error carries: httpx, requests, urllib."""
    if isinstance(error, HTTPError):
        return error.code
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def retry_after_seconds(error: BaseException | None) -> float:
    """Return what the error, or its answer's Retry-After, asks for; 0 where it asks nothing."""
    seconds = getattr(error, "retry_after_seconds", None)
    if isinstance(seconds, int | float):
        return float(seconds)
    answer = error if isinstance(error, HTTPError) else getattr(error, "response", None)
    value = str((getattr(answer, "headers", None) or {}).get("Retry-After", "")).strip()
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year that no date has
        return 0
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
