"""The rows: one a task that has not succeeded, and what is kept beside them."""

from uuid import uuid4

from django.db import models
from django.db.models import Q, TextField
from django.db.models.functions import Now

from .events import Event, Kind
from .firings import Firing
from .indexes import INDEXES
from .outcomes import FailedAttempt, Outcome
from .queue_row import QueueRow
from .states import State
from .stored_exception import EXCEPTION, StoredField

__all__ = [
    "Event",
    "FailedAttempt",
    "FailedTask",
    "Firing",
    "Kind",
    "Outcome",
    "QueueRow",
    "State",
    "TaskRow",
]


class TaskRow(models.Model):
    """One task: the truth about it, of which a message on the broker is a hint."""

    # The task's id in Celery. Made by `new_row.new_id()`, in order of time: the index stays small.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.TextField()
    queue = models.TextField()
    rank = models.SmallIntegerField(default=0, db_default=0, help_text="The lowest goes first.")
    state = models.SmallIntegerField(choices=State, default=State.READY, db_default=State.READY)
    enqueued_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    # Until when its message, or the process that runs it, need not be looked for.
    leased_until = models.DateTimeField(null=True)
    publication = models.UUIDField(null=True, help_text="Token of its one valid message.")
    claim = models.UUIDField(null=True, help_text="Token of the run that may end it.")
    worker = models.TextField(default="", db_default="")
    process = models.TextField(default="", db_default="")
    started_at = models.DateTimeField(null=True)
    retries = models.IntegerField(default=0, db_default=0)
    crashes = models.IntegerField(default=0, db_default=0)
    max_crashes = models.SmallIntegerField(default=3, db_default=3)
    # JSON as text: jsonb takes neither NUL nor NaN nor a lone surrogate, and would fail the caller.
    arguments = models.TextField()
    shown = models.TextField(default="", db_default="", help_text="The arguments, redacted.")
    options = models.TextField(default="", db_default="")
    origin = models.TextField(default="", db_default="", help_text="Enqueued by: host:process.")
    plain = models.BooleanField(
        default=False,
        db_default=False,
        help_text="An ordinary Celery task, recorded when it ended.",
    )
    unique_key = models.TextField(null=True)  # noqa: DJ001  NULL is what a unique index ignores
    unknown_since = models.DateTimeField(null=True)
    first_failed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    discarded_at = models.DateTimeField(null=True)
    # How often it has ended badly: counted by the trigger that writes the events (see migrations).
    failures = models.IntegerField(default=0, db_default=0, editable=False)
    reason = models.TextField(default="", db_default="")
    error = models.TextField(default="", db_default="")
    exception = StoredField(expression=EXCEPTION, output_field=TextField(), db_persist=True)
    traceback = models.TextField(default="", db_default="")
    message = models.BinaryField(null=True, help_text="A message that could not be read.")

    class Meta:
        """The indexes have a file of their own."""

        db_table = "durable_tasks_task"
        verbose_name = "task"
        default_permissions = ("view",)
        permissions = (("cancel_taskrow", "Can cancel tasks that have not ended"),)
        constraints = (
            models.UniqueConstraint(
                fields=("unique_key",),
                condition=Q(unique_key__isnull=False),
                name="durable_task_unique_key",
            ),
        )
        indexes = INDEXES

    def __str__(self) -> str:
        """Return name and id, as Celery's log has them."""
        return f"{self.name}[{self.pk}]"


class FailedTask(TaskRow):
    """A task that has ended badly, as people see it; who may do what is Django's permissions."""

    # Not a Meta of the base's: of all that it says, a proxy takes the table alone.
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The same table."""

        proxy = True
        verbose_name = "failed task"
        default_permissions = ("view",)
        permissions = (
            ("replay_failedtask", "Can replay failed tasks"),
            ("discard_failedtask", "Can discard failed tasks"),
            ("see_arguments", "Can see the arguments of tasks"),
        )
