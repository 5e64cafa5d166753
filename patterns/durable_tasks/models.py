"""The rows: one a task that has not succeeded, one a queue, one a firing of a beat entry."""

from typing import Any
from uuid import uuid4

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Coalesce, Left, Now

from .events import Event, Kind
from .outcomes import FailedAttempt, Outcome

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


class State(models.IntegerChoices):
    """How far a task has come. A task that succeeded has no row."""

    SCHEDULED = 0, "scheduled"
    READY = 1, "ready"
    PUBLISHED = 2, "published"
    RUNNING = 3, "running"
    FAILED = 4, "failed"
    DISCARDED = 5, "discarded"  # by a person; history until it is purged


# An index takes no text of some kilobytes.
EXCEPTION_CHARACTERS = 100
# What equal failures have in common: the type that an error begins with, else the reason.
_EXCEPTION = Left(
    Coalesce(
        Func(
            F("error"),
            Value(r"^([^[:space:]:]+)(?:: |:?$)"),
            function="substring",
            output_field=TextField(),
        ),
        F("reason"),
    ),
    EXCEPTION_CHARACTERS,
)


class StoredField(models.GeneratedField):
    """A generated column, of which Django's checks ask no database.

    They are run wherever a worker or beat starts, and Django 6.1 asks the server for its version
    there: a process would end because its database is away, instead of waiting for it.
    """

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what is wrong with the definition: every PostgreSQL since 12 has such columns."""
        return super().check(**{**kwargs, "databases": None})

    def deconstruct(self) -> Any:
        """Return Django's own field: to a migration there is no difference."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.GeneratedField", args, kwargs


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
    exception = StoredField(expression=_EXCEPTION, output_field=TextField(), db_persist=True)
    traceback = models.TextField(default="", db_default="")
    message = models.BinaryField(null=True, help_text="A message that could not be read.")

    class Meta:
        """One partial index a question that is asked all the time."""

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
        indexes = (
            models.Index(
                fields=("queue", "rank", "due_at"),
                condition=Q(state=State.READY),
                name="durable_task_ready",
            ),
            models.Index(
                fields=("due_at",),
                include=("queue",),  # counted by queue
                condition=Q(state=State.SCHEDULED),
                name="durable_task_scheduled",
            ),
            models.Index(
                fields=("queue", "leased_until"),
                condition=Q(state=State.PUBLISHED),
                name="durable_task_published",
            ),
            models.Index(
                fields=("leased_until",),
                condition=Q(state=State.RUNNING),
                name="durable_task_running",
            ),
            # As a walk through them goes on. Of failed_at alone it would pass for the cheaper way
            # to count groups: a planner takes what correlates with the table for a few pages' read.
            models.Index(
                fields=("failed_at", "id"),
                condition=Q(state=State.FAILED),
                name="durable_task_failed",
            ),
            # A hundred thousand are counted by group, or by queue, from this alone.
            models.Index(
                fields=("name", "exception", "failed_at"),
                include=("queue",),
                condition=Q(state=State.FAILED),
                name="durable_task_failed_group",
            ),
            models.Index(  # replayed, and not ended yet
                fields=("due_at",),
                condition=Q(failures__gt=0, state__lt=State.FAILED),
                name="durable_task_replayed",
            ),
            models.Index(
                fields=("discarded_at",),
                condition=Q(state=State.DISCARDED),
                name="durable_task_discarded",
            ),
            models.Index(
                fields=("expires_at",),
                condition=Q(expires_at__isnull=False, state__lt=State.PUBLISHED),
                name="durable_task_expiring",
            ),
        )

    def __str__(self) -> str:
        """Return name and id, as Celery's log has them."""
        return f"{self.name}[{self.pk}]"


class FailedTask(TaskRow):
    """A task that has ended badly, as people see it; who may do what is Django's permissions."""

    class Meta:
        """The same table."""

        proxy = True
        verbose_name = "failed task"
        default_permissions = ("view",)
        permissions = (
            ("replay_failedtask", "Can replay failed tasks"),
            ("discard_failedtask", "Can discard failed tasks"),
            ("see_arguments", "Can see the arguments of tasks"),
        )


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
