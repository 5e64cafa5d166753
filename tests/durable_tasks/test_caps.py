"""A forgotten queue does not fill the database unnoticed."""

from typing import Any

import pytest
from django.db import transaction
from durable_shop import tasks

from patterns.durable_tasks import caps, upkeep
from patterns.durable_tasks.errors import QueueFull
from patterns.durable_tasks.models import QueueRow, TaskRow
from tests.durable_tasks.test_publication import enqueue


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.DURABLE_TASKS_QUEUES = {
        "mail": {"cap": 4, "at_cap": "refuse"},
        "default": {"cap": 4, "at_cap": "alarm"},
    }


def counted() -> None:
    upkeep.discover()
    caps.measure()


def test_below_half_of_the_cap_nothing_is_said() -> None:
    enqueue(1, queue="mail")
    counted()
    assert caps.alarms() == []


def test_from_half_of_the_cap_it_is_said(settings: Any) -> None:
    enqueue(2, queue="mail")
    counted()
    assert caps.alarms() == ["Queue mail has 2 tasks of the 4 it may have: is its worker up?"]


def test_at_the_cap_a_queue_refuses_and_takes_again() -> None:
    enqueue(4, queue="mail")
    counted()
    with pytest.raises(QueueFull, match="'mail' has reached its cap"):
        enqueue(1, queue="mail")
    assert TaskRow.objects.count() == 4
    TaskRow.objects.first().delete()  # type: ignore[union-attr]
    counted()
    enqueue(1, queue="mail")


def test_a_refusal_leaves_the_callers_transaction_usable() -> None:
    enqueue(4, queue="mail")
    counted()
    with transaction.atomic():
        with pytest.raises(QueueFull):
            enqueue(1, queue="mail")
        enqueue(1)
    assert TaskRow.objects.filter(queue="default").count() == 1
    assert TaskRow.objects.filter(queue="mail").count() == 4


def test_at_the_cap_a_queue_that_only_alarms_goes_on() -> None:
    enqueue(4)
    counted()
    enqueue(1)
    assert not QueueRow.objects.get(name="default").is_full
    assert len(caps.alarms()) == 1


def test_every_state_counts_but_failed() -> None:
    row_ids = enqueue(4)
    tasks.write_note.apply_async(["later"], countdown=60)
    for state, row_id in enumerate(row_ids, start=1):
        TaskRow.objects.filter(id=row_id).update(state=state)
    counted()
    assert QueueRow.objects.get(name="default").rows == 4
