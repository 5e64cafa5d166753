"""How far a task has come."""

from django.db import models


class State(models.IntegerChoices):
    """How far a task has come. A task that succeeded has no row."""

    SCHEDULED = 0, "scheduled"
    READY = 1, "ready"
    PUBLISHED = 2, "published"
    RUNNING = 3, "running"
    FAILED = 4, "failed"
    DISCARDED = 5, "discarded"  # by a person; history until it is purged
