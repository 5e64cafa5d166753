"""Rebuild one customer's index."""

from time import sleep
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Sum
from django.utils import timezone

from backoffice.models import CustomerIndex
from purchases.models import Order


def rebuild_index(rebuild_id: int, customer_id: int) -> None:
    """Make the customer's index anew where this rebuild still awaits it.

    Duplicate: finds nothing awaited, or writes the same again. Crash: still awaited. A customer
    who is deleted meanwhile has no row any more, and none is made.
    """
    awaited = CustomerIndex.objects.filter(customer_id=customer_id, awaited_by=rebuild_id)
    if not awaited.exists():
        return
    # Stands for the whole lot of slow code that such an index takes in a grown shop.
    sleep(settings.BACKOFFICE_PAUSE_SECONDS)
    awaited.update(
        **_bought_by(customer_id),
        rebuild=rebuild_id,
        awaited_by=None,
        rebuilt_at=timezone.now(),
    )


def _bought_by(customer_id: int) -> dict[str, Any]:
    orders = Order.objects.filter(customer_id=customer_id, declined_at=None)
    bought = orders.aggregate(
        orders_count=Count("pk"), total_cents=Sum("price_cents"), last_order_at=Max("placed_at")
    )
    return bought | {"total_cents": bought["total_cents"] or 0}  # the sum of no rows is None
