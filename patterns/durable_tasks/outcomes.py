"""What is kept of a Django task besides its row: each attempt that failed, and how it succeeded.

A row is deleted when its task succeeds, and Django's `get_result()` asks afterwards. Tasks of
Celery's own keep nothing here.
"""

from django.db import models
from django.db.models import DateTimeField, Func


class FailedAttempt(models.Model):
    """One attempt that raised. No foreign key: it outlives the task's row."""

    task_id = models.UUIDField()
    at = models.DateTimeField(
        db_default=Func(function="clock_timestamp", output_field=DateTimeField())
    )
    started_at = models.DateTimeField()
    worker = models.TextField()
    exception_class = models.TextField(help_text="Its dotted path.")
    traceback = models.TextField()

    class Meta:
        """Found by task, and by age when it is purged."""

        db_table = "durable_tasks_attempt"
        default_permissions = ()
        indexes = (
            models.Index(fields=("task_id", "at"), name="durable_attempt_task"),
            models.Index(fields=("at",), name="durable_attempt_at"),
        )

    def __str__(self) -> str:
        """Return what was raised, by which task."""
        return f"{self.exception_class} of {self.task_id}"


class Outcome(models.Model):
    """How a task succeeded: written in the transaction that deletes its row."""

    id = models.UUIDField(primary_key=True, help_text="The task's.")
    name = models.TextField()
    queue = models.TextField()
    options = models.TextField()
    arguments = models.TextField()
    enqueued_at = models.DateTimeField()
    started_at = models.DateTimeField()
    last_attempted_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    workers = models.TextField(help_text="As JSON.")
    return_value = models.TextField()

    class Meta:
        """Found by its key, and by the end of its time when it is purged."""

        db_table = "durable_tasks_result"
        default_permissions = ()
        indexes = (models.Index(fields=("expires_at",), name="durable_result_expires"),)

    def __str__(self) -> str:
        """Return name and id, as a row's."""
        return f"{self.name}[{self.pk}]"
