"""A rebuild of the customer index, and each customer's part of it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from purchases.money import CURRENCY, format_amount

# Longer than a customer's task may take (its hard time limit) and than a short outage; a rebuild
# that is restarted too early wastes nothing, for the old tasks find nothing left to do.
STUCK_AFTER = timedelta(minutes=15)


class IndexRebuildQuerySet(models.QuerySet["IndexRebuild"]):
    """Rebuilds, and the two ways in which they end."""

    def running(self) -> "IndexRebuildQuerySet":
        """Choose the one that has not ended."""
        return self.filter(finished_at=None)

    def finish_complete(self) -> None:
        """End each of them whose customers are all done.

        To be called after the commit of a customer's row: of two last tasks that look at the same
        moment, at least one then sees both rows. Duplicate: the first end stays.
        """
        awaited = CustomerIndex.objects.filter(awaited_by=models.OuterRef("pk"))
        complete = self.running().exclude(customer_count=None).exclude(models.Exists(awaited))
        complete.update(finished_at=timezone.now())

    def abandon_stuck(self) -> None:
        """End each of them that has stood still for STUCK_AFTER."""
        stuck = [rebuild.pk for rebuild in self.running() if rebuild.is_stuck()]
        self.running().filter(pk__in=stuck).update(finished_at=timezone.now(), is_abandoned=True)


class IndexRebuild(models.Model):
    """One press of the button. It runs until `finished_at` is set; only one runs at a time."""

    started_at = models.DateTimeField(default=timezone.now, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    # How many customers there were; unknown until the first task has counted and marked them.
    customer_count = models.PositiveIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)
    # Ended because nothing happened any more, not because every customer was done.
    is_abandoned = models.BooleanField(default=False)

    objects = IndexRebuildQuerySet.as_manager()

    class Meta:
        """The newest first; the database sees to it that one runs at a time."""

        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(
                fields=["finished_at"],
                condition=models.Q(finished_at=None),
                # Two rows without an end count as equal (PostgreSQL 15 and later).
                nulls_distinct=False,
                name="backoffice_one_running_rebuild",
            ),
        )

    def __str__(self) -> str:
        return f"rebuild {self.pk}"

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended, well or badly."""
        return self.finished_at is None

    @property
    def took(self) -> str:
        """Return how long it ran, as minutes and seconds or hours, for people."""
        if self.finished_at is None:
            return ""
        return str(timedelta(seconds=round((self.finished_at - self.started_at).total_seconds())))

    def done_count(self) -> int:
        """Count the customers that need no more work, those deleted meanwhile among them."""
        return max((self.customer_count or 0) - self.awaited.count(), 0)

    def last_progress_at(self) -> datetime:
        """Return when a customer was last finished; the start, where none was."""
        newest = self.indexes.aggregate(at=models.Max("rebuilt_at"))["at"]
        return max(newest or self.started_at, self.started_at)

    def is_stuck(self) -> bool:
        """Tell whether it has stood still: no worker, or a customer's task has failed."""
        return self.is_running and timezone.now() - self.last_progress_at() > STUCK_AFTER


class CustomerIndex(models.Model):
    """The cached copy of what a customer bought (declined orders left out), for staff to search."""

    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="customer_index"
    )
    orders_count = models.PositiveIntegerField(default=0)
    total_cents = models.PositiveBigIntegerField(default=0)
    last_order_at = models.DateTimeField(null=True)
    rebuilt_at = models.DateTimeField("rebuilt", null=True)
    # Which rebuild made this row.
    rebuild = models.ForeignKey(IndexRebuild, models.SET_NULL, null=True, related_name="indexes")
    # Which rebuild has yet to make it anew. Progress counts these rows: a counter that tasks
    # increment would drift with each duplicate, and with each customer deleted meanwhile.
    awaited_by = models.ForeignKey(IndexRebuild, models.SET_NULL, null=True, related_name="awaited")

    class Meta:
        """Whoever bought last comes first."""

        ordering = (models.F("last_order_at").desc(nulls_last=True), "customer_id")
        verbose_name_plural = "customer indexes"

    def __str__(self) -> str:
        return f"index of {self.customer}"

    @property
    def total(self) -> str:
        """Return what the customer bought for, as people read it."""
        return format_amount(self.total_cents, CURRENCY)
