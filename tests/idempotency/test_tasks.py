"""Old records are deleted; whatever still waits for an answer is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from patterns.idempotency import tasks
from patterns.idempotency.models import Effect
from tests.idempotency.test_resolving import begun, recorded


def age(days: float) -> None:
    by = timedelta(days=days)
    Effect.objects.update(first_tried_at=F("first_tried_at") - by)
    Effect.objects.update(recorded_at=F("recorded_at") - by)


def keys() -> list[str]:
    return list(Effect.objects.order_by("key").values_list("key", flat=True))


def test_what_was_recorded_a_year_ago_is_deleted_and_nothing_else(settings: Any) -> None:
    recorded("old"), begun("unanswered")
    age(days=1)
    recorded("new")
    age(days=364.5)
    tasks.delete_recorded()
    assert keys() == ["new", "unanswered"]
    settings.IDEMPOTENCY_KEEP_DAYS = 30
    tasks.delete_recorded()
    assert keys() == ["unanswered"]


def test_all_batches_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "DELETED_AT_ONCE", 2)
    for number in range(5):
        recorded(f"order-{number}")
    age(days=400)
    tasks.delete_recorded()
    assert keys() == []


def test_the_clean_up_reads_its_index_and_not_the_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_effect (key, first_tried_at, attempts, holder, result,"
            " recorded_at) SELECT n, now(), 1, '', '1', now() - n * interval '1 minute'"
            " FROM generate_series(1, 20000) n"
        )
        cursor.execute("ANALYZE idempotency_effect")
        cursor.execute(f"EXPLAIN {tasks.DELETE}", [365, 1000])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Cond: (recorded_at <" in plan
    assert "Seq Scan" not in plan


def test_no_base_task_makes_one_long_transaction_of_it() -> None:
    assert tasks.delete_recorded.atomic is False
