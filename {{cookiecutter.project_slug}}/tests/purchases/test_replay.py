"""A charge that failed for our own mistake is replayed once the mistake is repaired."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from development.testing import PaymentProvider, stop
from patterns.durable_tasks import failed
from patterns.durable_tasks.models import Event, TaskRow
from purchases.models import Order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker_url")]


def failures() -> list[TaskRow]:
    return list(TaskRow.objects.filter(state=4))


def replay(_: int) -> int:
    try:
        return failed.replay(failed.Selection(name="purchases.charge"), by="Kim (7)").done
    finally:
        connection.close()


def test_replayed_by_many_at_once_it_charges_once(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    celery_worker_process: Callable[..., Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    worker = celery_worker_process("purchasing", env={"PAYMENTS_API_KEY": "yesterday's"})
    order = placed()
    eventually(lambda: len(failures()) == 1)
    [row] = failures()
    assert row.exception == "PaymentRefused"
    assert "check PAYMENTS_API_KEY" in row.error
    stop(worker)
    celery_worker_process("purchasing")

    with ThreadPoolExecutor() as pool:
        assert sum(pool.map(replay, range(4))) == 1

    eventually(lambda: not TaskRow.objects.filter(queue="purchasing").exists())
    order.refresh_from_db()
    assert order.packed_at is not None
    [charge] = payment_provider.charges()["charges"]
    assert charge["id"] == order.charge_id
    history = Event.objects.filter(task_id=row.pk).order_by("pk")
    assert [event.kind for event in history] == ["failed", "replayed", "succeeded"]
