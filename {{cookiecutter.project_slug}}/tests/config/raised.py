"""Alarms as the failure checks leave them, and whoever asks for them with the token."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from patterns.failure_check.models import Alarm, Run


def raise_alarm(name: str, severity: str, **more: Any) -> None:
    """Leave an alarm that holds."""
    Alarm.objects.create(
        name=name,
        source="tests",
        severity=severity,
        sentence="The mails are late.",
        remedy="Start worker_mail.",
        raised_at=timezone.now(),
        **{"told": [], "owed": [], **more},
    )


def checked(at: datetime) -> None:
    """Let the last run of the checks have begun then."""
    Run.objects.all().delete()
    Run.objects.create(at=at, by="beat@here:1", watched_since=at)


def bearer() -> dict[str, str]:
    """Return the header of a monitor."""
    return {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
