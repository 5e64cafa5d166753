"""The settings, their defaults, and why each default is what it is.

Read when they are used, so that a test can override them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import mail


def has_mailers() -> bool:
    """Tell whether mail is configured by Django 6.1's MAILERS, not by EMAIL_BACKEND."""
    return hasattr(mail, "mailers") and hasattr(settings, "MAILERS")


def mailer(alias: str) -> Mapping[str, Any]:
    """Return one entry of MAILERS; raises LookupError where there is none."""
    return mailers()[alias]


def mailers() -> Mapping[str, Mapping[str, Any]]:
    """Return Django 6.1's MAILERS by their alias; none before it."""
    return getattr(settings, "MAILERS", {})


def delivery_backend() -> str:
    """Return the dotted path, or under MAILERS the alias, of the backend that delivers."""
    default = "delivery" if has_mailers() else f"{__package__}.smtp.EmailBackend"
    return str(getattr(settings, "QUEUED_MAIL_DELIVERY_BACKEND", default))


def queue() -> str:
    """Return the queue of the tasks."""
    return str(getattr(settings, "QUEUED_MAIL_QUEUE", "mail"))


def max_bytes() -> int:
    """Return the size of the largest mail accepted: Postfix's own limit, unless set."""
    return int(getattr(settings, "QUEUED_MAIL_MAX_BYTES", 10_240_000))


def lease() -> timedelta:
    """Return how long a delivery holds its mail: past the task's hard time limit."""
    return timedelta(seconds=getattr(settings, "QUEUED_MAIL_LEASE_SECONDS", 360))


def give_up_after() -> timedelta:
    """Return how long a mail is tried: a day outlasts most outages, and a mail's usefulness."""
    return timedelta(hours=getattr(settings, "QUEUED_MAIL_GIVE_UP_AFTER_HOURS", 24))


def forgotten_after() -> timedelta:
    """Return when a mail without an answer is published again: a person waits for it."""
    return timedelta(minutes=getattr(settings, "QUEUED_MAIL_FORGOTTEN_AFTER_MINUTES", 5))


def retry_forgotten_after() -> timedelta:
    """Return when one asked to wait is published again: twice the longest usual pause."""
    return timedelta(minutes=getattr(settings, "QUEUED_MAIL_RETRY_FORGOTTEN_AFTER_MINUTES", 60))


def sweep_limit() -> int:
    """Return how many mails one sweep publishes: what a worker sends in a minute or two."""
    return int(getattr(settings, "QUEUED_MAIL_SWEEP_LIMIT", 500))


def keep() -> timedelta:
    """Return how long a sent mail's row is kept: a month answers most questions about it."""
    return timedelta(days=getattr(settings, "QUEUED_MAIL_KEEP_DAYS", 30))


def keep_failed() -> timedelta:
    """Return how long a failed mail can be sent again: as long as a sent one is remembered."""
    return timedelta(days=getattr(settings, "QUEUED_MAIL_KEEP_FAILED_DAYS", 30))


# Everything above; a name that begins the same and is not here is a typo (see checks.py).
NAMES = (
    "QUEUED_MAIL_DELIVERY_BACKEND",
    "QUEUED_MAIL_QUEUE",
    "QUEUED_MAIL_MAX_BYTES",
    "QUEUED_MAIL_LEASE_SECONDS",
    "QUEUED_MAIL_GIVE_UP_AFTER_HOURS",
    "QUEUED_MAIL_FORGOTTEN_AFTER_MINUTES",
    "QUEUED_MAIL_RETRY_FORGOTTEN_AFTER_MINUTES",
    "QUEUED_MAIL_SWEEP_LIMIT",
    "QUEUED_MAIL_KEEP_DAYS",
    "QUEUED_MAIL_KEEP_FAILED_DAYS",
)
