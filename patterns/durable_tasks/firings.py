"""The firings of beat's entries: of two beats, one enqueues what is due."""

from django.db import models


class Firing(models.Model):
    """One due time of a beat entry that was enqueued: a second beat finds it and does nothing."""

    entry = models.TextField()
    due_at = models.DateTimeField()

    class Meta:
        """The constraint is what makes one of two."""

        db_table = "durable_tasks_firing"
        constraints = (
            models.UniqueConstraint(fields=("entry", "due_at"), name="durable_task_one_firing"),
        )

    def __str__(self) -> str:
        """Return entry and time."""
        return f"{self.entry} at {self.due_at}"
