"""The relay's lag is its own: neither a full window nor a pause is one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import pausing, upkeep
from patterns.durable_tasks.lag import relay_lag_seconds
from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.test_publication import enqueue

HOUR = 3600


@pytest.fixture(autouse=True)
def small_window(settings: Any) -> None:
    settings.DURABLE_TASKS_WINDOW = 4


def due(seconds_ago: float, **which: Any) -> None:
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    TaskRow.objects.filter(**which).update(due_at=moment)


def test_nothing_due_is_no_lag() -> None:
    tasks.write_note.apply_async(("later",), countdown=HOUR)
    assert relay_lag_seconds() == {}


def test_the_first_of_the_due_tasks_of_each_queue_counts() -> None:
    enqueue(2)
    enqueue(1, queue="mail", priority=3)
    due(HOUR, queue="default")
    tasks.write_note.delay("new")
    due(2 * HOUR, queue="mail")
    lag = relay_lag_seconds()
    assert lag["default"] == pytest.approx(HOUR, abs=600)
    assert lag["mail"] == pytest.approx(2 * HOUR, abs=600)


def test_what_is_due_and_still_scheduled_counts_too() -> None:
    tasks.write_note.apply_async(("later",), countdown=HOUR)
    due(HOUR, state=State.SCHEDULED)
    assert relay_lag_seconds()["default"] == pytest.approx(HOUR, abs=600)


def test_a_full_window_is_the_workers_lag() -> None:
    enqueue(4)
    TaskRow.objects.update(state=State.PUBLISHED)
    enqueue(1)
    due(HOUR)
    assert relay_lag_seconds() == {"default": 0.0}


def test_a_paused_queue_has_none() -> None:
    enqueue(1)
    upkeep.discover()
    pausing.pause(app, "default")
    assert relay_lag_seconds() == {}
