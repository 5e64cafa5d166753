"""The analysts' one task: it counts."""

from datetime import date

from django.db import transaction

from analytics.celery import app
from analytics.models import EventCount


@app.task(name="analytics.count_event", queue="analytics", shared=False)  # not into the shop's app
def count_event(name: str, day: str) -> None:
    """Add one to the day's count of an event. `day` is an ISO date, in UTC.

    Duplicate: counts twice. Crash: all or nothing, and Celery does not run it again. One that
    fails is a failed task; replayed, it counts.
    Two workers at once: both are counted, the row's lock orders them.
    """
    counts = EventCount.objects.filter(name=name, day=date.fromisoformat(day))
    with transaction.atomic():
        if not counts.add_one():
            EventCount.objects.bulk_create(
                [EventCount(name=name, day=date.fromisoformat(day))], ignore_conflicts=True
            )
            counts.add_one()
