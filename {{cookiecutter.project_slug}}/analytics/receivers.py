"""The shop's events as analytics hears them."""

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from accounts.signals import user_signed_up
from analytics.tasks import forward_event
from purchases.signals import order_placed


@receiver(user_signed_up, dispatch_uid="analytics.user_signed_up")
def count_signup(**_: Any) -> None:
    """Count a signup."""
    forward_after_commit("user_signed_up")


@receiver(order_placed, dispatch_uid="analytics.order_placed")
def count_order(**_: Any) -> None:
    """Count an order."""
    forward_after_commit("order_placed")


def forward_after_commit(name: str) -> None:
    """Enqueue the event on the shop's own broker once the caller's transaction has committed.

    Rollback: the event never happened and is not counted. Crash after the commit: it is lost.
    Robust: whatever fails here is logged, and the signup or order goes on.
    """
    day = timezone.now().date().isoformat()
    # No partial: Django logs the name of what failed, and a partial has none.
    transaction.on_commit(lambda: forward_event.delay(name, day), robust=True)
