"""Counts are right when many count at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from analytics.counting import count_event
from analytics.models import EventCount
from analytics.receivers import forward
from development.testing import wait_for

TODAY = date(2026, 11, 23)
WORKERS = 4
EVENTS = 10


@pytest.mark.django_db(transaction=True)
def test_events_that_are_counted_at_once_are_all_counted() -> None:
    together = Barrier(WORKERS)

    def work(_: int) -> None:
        try:
            together.wait()
            for _ in range(EVENTS):
                count_event("order_placed", TODAY.isoformat())
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(work, range(WORKERS)))
    (row,) = EventCount.objects.all()
    assert (row.name, row.day, row.count) == ("order_placed", TODAY, WORKERS * EVENTS)


@pytest.mark.django_db
def test_each_event_and_day_has_a_count_of_its_own() -> None:
    for name, day in [("a", "2026-11-22"), ("a", "2026-11-23"), ("b", "2026-11-23")] * 2:
        count_event(name, day)
    assert set(EventCount.objects.values_list("name", "count")) == {("a", 2), ("b", 2)}
    assert EventCount.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_count_that_is_rolled_back_is_not_counted() -> None:
    with transaction.atomic():
        count_event("order_placed", TODAY.isoformat())
        transaction.set_rollback(True)
    assert not EventCount.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("day", ["", "yesterday", "2026-02-30"])
def test_a_day_that_is_none_is_refused_and_counts_nothing(day: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|day"):
        count_event("order_placed", day)
    assert not EventCount.objects.exists()


def test_an_order_is_counted_by_the_analysts_own_worker(
    broker_url: str,
    analytics_broker_url: str,
    celery_worker_process: Callable[..., Any],
) -> None:
    celery_worker_process("default")
    worker = celery_worker_process("analytics", app="analytics.celery")
    with transaction.atomic():
        forward("order_placed")
    counted = EventCount.objects.filter(name="order_placed", count=1)
    wait_for(counted.exists, worker, "the count", worker.log_path)
