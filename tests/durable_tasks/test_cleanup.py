"""Old firings go; those that still prevent a second one stay."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from durable_shop.celery import app

from patterns.durable_tasks import cleanup
from patterns.durable_tasks.models import Firing, TaskRow
from tests.durable_tasks.conftest import Start
from tests.servers import eventually


def fired(entry: str, *days_ago: float) -> None:
    Firing.objects.bulk_create(
        Firing(entry=entry, due_at=timezone.now() - timedelta(days=days)) for days in days_ago
    )


def left() -> dict[str, int]:
    entries = list(Firing.objects.values_list("entry", flat=True))
    return {entry: entries.count(entry) for entry in entries}


def test_firings_older_than_a_week_are_deleted() -> None:
    fired("each day", *range(20))
    fired("hourly", 6.9, 7.1)
    assert cleanup.delete_old_firings() == 14
    assert left() == {"each day": 7, "hourly": 1}


def test_the_last_firing_of_an_entry_stays_however_old() -> None:
    fired("yearly", 400, 35)
    cleanup.delete_old_firings()
    assert left() == {"yearly": 1}


def test_many_are_deleted_in_several_statements(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(cleanup, "DELETED_AT_ONCE", 10)
    fired("each hour", 1, *range(8, 33))
    with django_assert_num_queries(3):
        assert cleanup.delete_old_firings() == 25
    assert left() == {"each hour": 1}


def test_the_task_runs_on_its_queue(start_relay: Start, start_worker: Start) -> None:
    fired("each day", 1, 8)
    app.send_task("durable_tasks.delete_old_firings")
    assert TaskRow.objects.get().queue == "default"
    start_relay()
    start_worker()
    eventually(lambda: left() == {"each day": 1})
    eventually(lambda: not TaskRow.objects.exists())
