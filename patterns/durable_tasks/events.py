"""What happened to tasks that did not simply succeed: who, what, when, where, in order.

Failures, crashes and retries are written by a trigger of the task's table (migration 0003), so that
no statement of today or tomorrow can end a task badly without a trace; a success after a failure by
the function that ends a run (migration 0004). What people do is written by the function that does
it, in the same transaction. A task that succeeds without having failed leaves nothing.
"""

from django.db import models
from django.db.models import DateTimeField, Func


class Kind(models.TextChoices):
    """What happened."""

    FAILED = "failed"
    CRASHED = "crashed"
    RETRIED = "retried"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"


class Event(models.Model):
    """One thing that happened to a task. No foreign key: it outlives the task's row."""

    task_id = models.UUIDField()
    name = models.TextField()
    # Several of one transaction keep their order.
    at = models.DateTimeField(
        db_default=Func(function="clock_timestamp", output_field=DateTimeField())
    )
    kind = models.TextField(choices=Kind)
    by = models.TextField(default="", db_default="", help_text="A person; the machine is ''.")
    at_worker = models.TextField(default="", db_default="", help_text="Celery's name of it.")
    note = models.TextField(default="", db_default="", help_text="The error, in words.")

    class Meta:
        """Found by task, and by age when it is purged. Seen where its task is seen."""

        db_table = "durable_tasks_event"
        verbose_name = "event"
        verbose_name_plural = "history"
        default_permissions = ()
        indexes = (
            models.Index(fields=("task_id", "at"), name="durable_event_task"),
            models.Index(fields=("at",), name="durable_event_at"),
        )

    def __str__(self) -> str:
        """Return what happened to what."""
        return f"{self.name}[{self.task_id}] {self.kind}"
