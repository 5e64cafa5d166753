"""Beat's scheduler: django-celery-beat's, made durable and tidy."""

import logging
from typing import Any

from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from config.readiness import wait_until_ready
from patterns.brokers.starting import refuse_another
from patterns.durable_tasks.scheduler import DurableScheduler
from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.watch import Watch

logger = logging.getLogger(__name__)

# What marks a row as ours; rows made in the admin are somebody's own and are left alone.
FROM_CODE = "From beat_schedule in config/celery_settings.py: change it there."


class ShopScheduler(DurableScheduler, DatabaseScheduler):  # type: ignore[misc]  # without types
    """A DatabaseScheduler that waits for database and migrations, and outlives an outage.

    An entry removed from the code is removed from the database; left there, it would run for ever.
    Duplicate: two beats send everything once; the second stands by. Beside it a thread runs the
    checks and tells of what is wrong.
    """

    def setup_schedule(self) -> None:
        """Wait until the tables are there, then bring them up to the code's entries."""
        Watch("beat").start()  # it tells of a database that stays away
        self.heartbeat = Heartbeat("beat")
        refuse_another(self.app.guard)  # Celery's signal would come after the wait
        wait_until_ready(broker=False)
        self.remove_forgotten()
        super().setup_schedule()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, and say that beat lives; return the seconds until the next look."""
        seconds = super().tick(*args, **kwargs)
        self.heartbeat.write()
        return min(seconds, self.heartbeat.interval_seconds)

    def remove_forgotten(self) -> None:
        """Delete the rows that came from the code and are no longer in it."""
        forgotten = PeriodicTask.objects.filter(description=FROM_CODE).exclude(
            name__in=self.app.conf.beat_schedule
        )
        for name in forgotten.values_list("name", flat=True):
            logger.info("Beat entry %r is no longer in the code: removed.", name)
        if forgotten.delete()[0]:
            PeriodicTasks.update_changed()

    def update_from_dict(self, mapping: dict[str, dict[str, Any]]) -> None:
        """Write the code's entries, marked as such."""
        marked = {name: {**entry, "description": FROM_CODE} for name, entry in mapping.items()}
        super().update_from_dict(marked)
        # One amid which the database was lost was logged and left out: until the next start of beat
        # it would not run, and nobody would miss it. Raises where the database is still away.
        written = set(PeriodicTask.objects.values_list("name", flat=True))
        super().update_from_dict({name: marked[name] for name in marked.keys() - written})
