"""Which order a failed task is about, for whoever looks at the failed tasks."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from purchases.models import Order

Call = tuple[Sequence[Any], Mapping[str, Any]]  # a task's args and kwargs


def describe_orders(task: Any, each: Sequence[Call]) -> list[str]:
    """Return number, price and state of each call's order; "" where there is none (any more)."""
    ids = [_order_id(*call) for call in each]
    orders = Order.objects.in_bulk([id for id in ids if id is not None])
    found = [orders.get(id) if id is not None else None for id in ids]
    return [
        "" if order is None else f"order {order.number}, {order.price}, {order.state.lower()}"
        for order in found
    ]


def _order_id(args: Sequence[Any], kwargs: Mapping[str, Any]) -> UUID | None:
    with suppress(ValueError, IndexError):
        return UUID(str(kwargs["order_id"] if "order_id" in kwargs else args[0]))
    return None
