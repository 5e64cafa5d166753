"""A count that fails is in the shop's failed list, and is replayed on the analysts' broker."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from analytics.counting import count_event
from analytics.models import EventCount
from config.celery import app as shop_app
from development.testing import wait_for
from patterns.durable_tasks import failed
from patterns.durable_tasks.models import State, TaskRow

BREAK = """
CREATE FUNCTION refuse_counts() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the analysts'' disk is full'; END $$;
CREATE TRIGGER refuse_counts BEFORE INSERT ON analytics_eventcount
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_counts()
"""
REPAIR = "DROP FUNCTION IF EXISTS refuse_counts() CASCADE"


@pytest.fixture
def broken_counts(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Break the analysts' table; the function repairs it."""

    def run(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    run(BREAK)
    yield lambda: run(REPAIR)
    run(REPAIR)


def test_a_failed_count_is_replayed_on_the_analysts_broker_and_counts(
    broker_url: str,
    analytics_broker_url: str,
    broken_counts: Callable[[], None],
    celery_worker_process: Callable[..., Any],
) -> None:
    worker = celery_worker_process("analytics", app="analytics.celery")
    count_event.delay("order_placed", "2026-11-23")
    rows = TaskRow.objects.filter(name="analytics.count_event", state=State.FAILED)
    wait_for(rows.exists, worker, "the failed row", worker.log_path)
    row = rows.get()
    assert (row.queue, row.plain, row.failures) == ("analytics", True, 1)
    assert "disk is full" in row.error
    assert not failed.obstacles([row])
    broken_counts()
    assert failed.replay(failed.Selection(), by="pat").done == 1
    counted = EventCount.objects.filter(name="order_placed", count=1)
    wait_for(counted.exists, worker, "the count", worker.log_path)
    wait_for(lambda: not TaskRow.objects.exists(), worker, "an empty list", worker.log_path)
    assert count_event.name not in shop_app.tasks


def test_counting_makes_no_row(
    broker_url: str, analytics_broker_url: str, celery_worker_process: Callable[..., Any]
) -> None:
    worker = celery_worker_process("analytics", app="analytics.celery")
    count_event.delay("order_placed", "2026-11-23")
    assert not TaskRow.objects.exists()
    wait_for(EventCount.objects.filter(count=1).exists, worker, "the count", worker.log_path)
    assert not TaskRow.objects.exists()
