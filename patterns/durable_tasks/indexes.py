"""The indexes of the tasks' table: one partial index a question that is asked all the time."""

from django.db import models
from django.db.models import Q

from .states import State

INDEXES = (
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
