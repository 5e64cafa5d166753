"""What beat will enqueue next."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

SHOWN = 8  # a screen has more to show than a list of what is as usual


@dataclass(frozen=True, kw_only=True)
class NextBeat:
    """An entry and when it is due, as far as beat has written down when it last was."""

    name: str
    due_at: datetime
    is_overdue: bool


def next_beats() -> list[NextBeat]:
    """Return the next entries that are on, the soonest first."""
    now = timezone.now()
    entries = PeriodicTask.objects.filter(enabled=True).select_related(
        "interval", "crontab", "solar", "clocked"
    )
    found = []
    for entry in entries:
        remaining = entry.schedule.remaining_estimate(entry.last_run_at or entry.date_changed)
        due_at = max(now, now + remaining)
        found.append(NextBeat(name=entry.name, due_at=due_at, is_overdue=due_at == now))
    return sorted(found, key=lambda each: (each.due_at, each.name))[:SHOWN]
