"""A queue's row: what holds for it in all processes, and over restarts."""

from django.db import models


class QueueRow(models.Model):
    """What holds for a queue in all processes, and over restarts."""

    name = models.TextField(primary_key=True)
    is_paused = models.BooleanField(default=False, db_default=False)
    # A relay sleeps and asks to be woken; while it works, commits need not notify.
    is_listened = models.BooleanField(default=False, db_default=False)
    rows = models.BigIntegerField(default=0, db_default=0, help_text="As last counted.")
    is_full = models.BooleanField(default=False, db_default=False, help_text="Takes no more.")
    measured_at = models.DateTimeField(null=True)

    class Meta:
        """Named for what it is in SQL."""

        db_table = "durable_tasks_queue"
        verbose_name = "queue"
        default_permissions = ()
        permissions = (("pause_queuerow", "Can pause and resume queues"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name
