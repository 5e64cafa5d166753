"""The shop's events as analytics hears them."""

import logging
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from accounts.signals import user_signed_up
from analytics.tasks import forward_event
from purchases.signals import order_placed

logger = logging.getLogger(__name__)


@receiver(user_signed_up, dispatch_uid="analytics.user_signed_up")
def count_signup(**_: Any) -> None:
    """Count a signup."""
    forward("user_signed_up")


@receiver(order_placed, dispatch_uid="analytics.order_placed")
def count_order(**_: Any) -> None:
    """Count an order."""
    forward("order_placed")


def forward(name: str) -> None:
    """Enqueue the event in the caller's transaction: the shop's database, and no broker.

    Rollback: the event never happened and is not counted. Robust: whatever fails here, a full
    queue among it, is logged, and the signup or order goes on.
    """
    try:
        with transaction.atomic():  # what fails here does not break the caller's transaction
            forward_event.delay(name, timezone.now().date().isoformat())
    except Exception:
        logger.exception("The event %s is not counted; the shop goes on.", name)
