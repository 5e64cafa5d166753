"""The row of an effect: written before the far side is asked, completed with its result."""

from django.db import models
from django.db.models import Q

# What a far side takes as a key at most; 255 is the usual limit of those that state one.
KEY_LENGTH = 255


class Effect(models.Model):
    """One effect outside: who may try it now, or what came of it. Times are the database's."""

    key = models.CharField(max_length=KEY_LENGTH, primary_key=True)
    first_tried_at = models.DateTimeField(help_text="The far side's memory of the key may end.")
    last_tried_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(
        default=0, help_text="Those that may have done something."
    )
    lease = models.UUIDField(null=True, help_text="Token of the run that may record the result.")
    leased_until = models.DateTimeField(null=True)
    holder = models.TextField(default="", help_text="The task whose next run may take over.")
    # Text, not jsonb, which takes neither NUL nor a lone surrogate: the effect has happened by
    # then, and its result must be recorded whatever it is.
    result = models.TextField(null=True)  # noqa: DJ001  null: no result; JSON's own is "null"
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        """One partial index for the clean-up; everything else goes by the key."""

        constraints = (
            models.CheckConstraint(
                condition=Q(recorded_at=None, result=None)
                | Q(recorded_at__isnull=False, result__isnull=False),
                name="idempotency_recorded_whole",
            ),
            models.CheckConstraint(
                condition=Q(lease=None, leased_until=None)
                | Q(lease__isnull=False, leased_until__isnull=False),
                name="idempotency_leased_whole",
            ),
        )
        indexes = (
            models.Index(
                fields=("recorded_at",),
                condition=Q(recorded_at__isnull=False),
                name="idempotency_recorded",
            ),
        )

    def __str__(self) -> str:
        """Return the key."""
        return self.key
