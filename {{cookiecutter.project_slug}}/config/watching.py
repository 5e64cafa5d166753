"""What the failure checks have found, for pages and metrics: read, never written."""

from django.db.models import DurationField, Expression, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now

from patterns.failure_check.configuration import database
from patterns.failure_check.models import Alarm, Heartbeat, Run
from patterns.failure_check.processes import longest_unwatched_seconds


def open_alarms() -> QuerySet[Alarm]:
    """Return the alarms that hold, the oldest first."""
    return Alarm.objects.using(database()).filter(cleared_at=None).order_by("raised_at")


def seconds_since_checked() -> float | None:
    """Return how long ago the last run of the checks began; None where there was none ever."""
    runs = Run.objects.using(database()).annotate(age=_age())
    ages = [float(run.age.total_seconds()) for run in runs]
    return min(ages, default=None)


def is_checked() -> bool:
    """Tell whether anybody looks: without beat and relay no alarm would ever be raised."""
    seconds = seconds_since_checked()
    return seconds is not None and seconds < longest_unwatched_seconds()


def heartbeat_ages() -> dict[str, float]:
    """Return for each process that is expected to live how long it has been silent, in seconds."""
    beats = Heartbeat.objects.using(database()).annotate(age=_age())
    return {beat.name: float(beat.age.total_seconds()) for beat in beats}


def _age() -> Expression:
    """By the database's clock, which is the one of `at`."""
    return ExpressionWrapper(Now() - F("at"), output_field=DurationField())
