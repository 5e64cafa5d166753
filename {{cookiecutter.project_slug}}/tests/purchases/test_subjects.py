"""A failed task says which order it is about."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from purchases import tasks
from purchases.models import Order


@pytest.mark.parametrize("task", [tasks.charge, tasks.pack_in])
def test_a_failed_task_is_known_by_its_order(placed: Callable[[], Order], task: Any) -> None:
    order = placed()
    said = f"order {order.number}, {order.price}, placed"
    assert task.describe([((str(order.id),), {}), ((), {"order_id": str(order.id)})]) == [said] * 2


@pytest.mark.django_db
def test_what_names_no_order_says_nothing(django_assert_num_queries: Any) -> None:
    calls: list[Any] = [((), {}), (("no id",), {}), ((None,), {}), ((str(uuid4()),), {})]
    with django_assert_num_queries(1):
        assert tasks.charge.describe(calls) == [""] * 4  # type: ignore[attr-defined]  # Celery's stubs
