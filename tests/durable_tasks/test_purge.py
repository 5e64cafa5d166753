"""Old history goes; what has failed stays until somebody decides."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from durable_shop.celery import app

from patterns.durable_tasks import cleanup
from patterns.durable_tasks.models import Event, TaskRow
from tests.durable_tasks.conftest import Start
from tests.durable_tasks.failures import fail, fail_many, states
from tests.servers import eventually


def days_ago(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


def discarded(days: float) -> TaskRow:
    """A row discarded so long ago, with its events."""
    row = fail("x", state=5, discarded_at=days_ago(days))
    Event.objects.create(task_id=row.pk, name=row.name, kind="discarded")
    Event.objects.filter(task_id=row.pk).update(at=days_ago(days))
    return row


def test_what_was_discarded_long_ago_goes_with_its_history() -> None:
    discarded(30.1)
    young = discarded(29.9)
    assert cleanup.delete_old_history() == (1, 2)
    assert TaskRow.objects.get().pk == young.pk
    assert set(Event.objects.values_list("task_id", flat=True)) == {young.pk}


def test_the_failed_set_is_never_purged_nor_its_history() -> None:
    row = fail("x", failed_at=days_ago(5000), first_failed_at=days_ago(5000))
    Event.objects.update(at=days_ago(5000))
    waiting = fail("y", state=1, failed_at=days_ago(5000))
    Event.objects.update(at=days_ago(5000))
    assert cleanup.delete_old_history() == (0, 0)
    assert states() == {1: 1, 4: 1}
    assert set(Event.objects.values_list("task_id", flat=True)) == {row.pk, waiting.pk}


def test_the_history_of_a_task_that_is_gone_goes_when_it_is_old(settings: Any) -> None:
    Event.objects.create(task_id=uuid4(), name="old", kind="succeeded", at=days_ago(31))
    Event.objects.create(task_id=uuid4(), name="young", kind="succeeded", at=days_ago(29))
    assert cleanup.delete_old_history() == (0, 1)
    assert Event.objects.get().name == "young"
    settings.DURABLE_TASKS_HISTORY_DAYS = 28
    assert cleanup.delete_old_history() == (0, 1)


def test_a_setting_of_ages_keeps_everything(settings: Any) -> None:
    settings.DURABLE_TASKS_HISTORY_DAYS = 999_999_999
    discarded(31)
    assert cleanup.delete_old_history() == (0, 0)


def test_many_go_in_several_statements_and_what_stays_is_read_once(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(cleanup, "DELETED_AT_ONCE", 10)
    fail_many(25)  # their events stay, and are in the way
    for _ in range(13):
        discarded(40)
    Event.objects.update(at=days_ago(40))
    with django_assert_num_queries(2 + 2 * 6):  # 13 rows; 51 events, read and deleted
        assert cleanup.delete_old_history() == (13, 26)
    assert states() == {4: 25}
    assert Event.objects.count() == 25


def test_the_task_runs_on_its_queue(start_relay: Start, start_worker: Start) -> None:
    discarded(31)
    app.send_task("durable_tasks.delete_old_history")
    start_relay()
    start_worker()
    eventually(lambda: not TaskRow.objects.exists())
    assert not Event.objects.exists()
