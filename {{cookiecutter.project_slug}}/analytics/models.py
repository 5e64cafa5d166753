"""What is counted."""

from django.db import models


class EventCountQuerySet(models.QuerySet["EventCount"]):
    """Counts that grow in the database, so that no two workers overwrite each other."""

    def add_one(self) -> bool:
        """Add one to each row chosen; tell whether there was any."""
        return self.update(count=models.F("count") + 1) > 0


class EventCount(models.Model):
    """How often one kind of event came on one day (UTC). Events may be lost."""

    name = models.CharField(max_length=100)
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    objects = EventCountQuerySet.as_manager()

    class Meta:
        """One row for an event and a day, the newest day first."""

        ordering = ("-day", "name")
        constraints = (
            models.UniqueConstraint(fields=["name", "day"], name="analytics_one_count_a_day"),
        )

    def __str__(self) -> str:
        return f"{self.count} times {self.name} on {self.day}"
