"""What relays do besides publishing."""

import threading
import time
from typing import Any

import pytest
from development.server import Server
from django.db import OperationalError, connection, transaction
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import caps, configuration, discovery, naps, promotion, upkeep
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.messages import ids
from tests.durable_tasks.test_publication import enqueue

PAST = "2020-01-01T00:00Z"


def test_what_expires_before_it_starts_is_a_failed_row() -> None:
    tasks.write_note.apply_async(["x"], expires=3600)
    tasks.write_note.apply_async(["y"], expires=3600, countdown=1800)
    promotion.promote()
    assert not TaskRow.objects.filter(state=4).exists()
    TaskRow.objects.update(expires_at=PAST)
    promotion.promote()
    assert set(TaskRow.objects.values_list("state", "reason")) == {(4, "expired")}


def test_an_ended_lease_is_a_crash_and_one_too_many_a_failure() -> None:
    (row_id,) = enqueue(1)
    for crashes in (1, 2, 3):
        TaskRow.objects.filter(id=row_id).update(state=3, leased_until=PAST)
        assert promotion.promote()
        row = TaskRow.objects.get()
        assert (row.crashes, row.state) == (crashes, 4 if crashes == 3 else 1)
    assert row.reason == "crashes"


def test_a_lease_that_holds_is_left_alone() -> None:
    enqueue(1)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE durable_tasks_task SET state = 3, leased_until = now() + interval '1 minute'"
        )
    assert not promotion.promote()
    assert TaskRow.objects.get().state == 3


def test_more_than_a_statement_of_due_tasks_is_promoted_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million due tasks of one queue must not hold up another's for a poll each thousand."""
    monkeypatch.setattr(promotion, "AT_ONCE", 2)
    for _ in range(5):
        tasks.write_note.apply_async(["x"], countdown=60)
    TaskRow.objects.update(due_at=PAST)
    keeper = upkeep.Upkeep()
    turns = 0
    while keeper.turn():
        turns += 1
    assert TaskRow.objects.filter(state=1).count() == 5
    assert turns >= 3


def test_a_queue_is_found_by_its_first_task(settings: Any) -> None:
    for queue in ("b", "a", "c"):
        enqueue(2, queue=queue)
    assert discovery.discover()
    assert set(QueueRow.objects.values_list("name", flat=True)) == {"a", "b", "c"}
    assert not discovery.discover()


def test_a_count_that_the_database_refuses_is_said_and_not_tried_again_at_once(
    broker: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given rows that take longer to count than a statement may, then publishing goes on."""
    monkeypatch.setattr(caps, "_COUNT", "SELECT 'default', 1 FROM pg_sleep(60)")
    publisher = Relay(app)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '500ms'")
    try:
        sent = enqueue(1)
        for _ in range(3):
            publisher.turn_and_wait()
        assert ids(broker) == sent
        (said,) = [each.getMessage() for each in caplog.records if "caps" in each.getMessage()]
        assert "statement timeout" in said
        assert "VACUUM durable_tasks_task" in said
        # As rarely as a count of that length would be done.
        assert publisher.upkeep.measure_at > time.monotonic() + 2 * caps.MEASURE_SECONDS - 5
        assert "away" not in caplog.text
    finally:
        publisher.listener.close()
        publisher.broker.close()
        connection.close()


def test_a_database_that_is_away_while_it_counts_is_told_from_one_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caps, "_COUNT", "SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError):
        upkeep.Upkeep().turn()
    connection.close()


def test_a_table_that_somebody_locks_is_said_and_left_for_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given an ALTER TABLE, say, in a transaction that is not ended, then publishing goes on."""
    keeper, is_locked, is_over = upkeep.Upkeep(), threading.Event(), threading.Event()

    def lock() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE durable_tasks_task IN EXCLUSIVE MODE")
            is_locked.set()
            is_over.wait(60)
        connection.close()

    tasks.write_note.apply_async(["x"], countdown=60)
    TaskRow.objects.update(due_at=PAST)
    thread = threading.Thread(target=lock)
    thread.start()
    try:
        assert is_locked.wait(30)
        assert not keeper.turn()
        assert keeper.turn_at > time.monotonic() + upkeep.REST_SECONDS / 2
    finally:
        is_over.set()
        thread.join()
    (said,) = [each.getMessage() for each in caplog.records if "leases wait" in each.getMessage()]
    assert "lock timeout" in said
    assert "pg_terminate_backend(pid) ends it" in said
    assert upkeep.Upkeep().turn()
    assert TaskRow.objects.get().state == 1


def test_it_comes_after_a_task_that_is_hurried_and_not_later_than_in_an_idle_relay(
    settings: Any,
) -> None:
    settings.DURABLE_TASKS_POLL_SECONDS = 60  # longer than this test is held up
    keeper = upkeep.Upkeep()
    while keeper.turn():
        pass
    tasks.write_note.apply_async(["x"], countdown=60)
    TaskRow.objects.update(due_at=PAST)
    keeper.turn_at = time.monotonic()
    assert not keeper.turn(is_urgent=False)
    assert TaskRow.objects.get().state == 0
    keeper.turn_at -= configuration.poll_seconds()
    assert keeper.turn(is_urgent=False)
    assert TaskRow.objects.get().state == 1


def test_a_relay_naps_for_half_the_time_that_a_window_takes_to_be_half_empty() -> None:
    window = configuration.window()
    assert naps._until_half(window, None, 1) == naps.BUSY_SECONDS
    assert naps._until_half(window, window - 1, 1) == naps.BUSY_SECONDS  # refilled meanwhile
    assert naps._until_half(window - 1, window, 1) == naps.EMPTYING_SECONDS
    # A tenth of it in 0.03 s: 0.12 s more to its half.
    assert naps._until_half(window * 9 // 10, window, 0.03) == pytest.approx(0.06)


def test_new_queues_that_cannot_be_looked_for_wait_and_due_tasks_do_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given more queues than a statement may look through."""
    monkeypatch.setattr(discovery, "_UNKNOWN", "SELECT 'q' FROM pg_sleep(60)")
    tasks.write_note.apply_async(["x"], countdown=60)
    TaskRow.objects.update(due_at=PAST)
    keeper = upkeep.Upkeep()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '500ms'")
    keeper.turn()
    assert "New queues are not found" in caplog.text
    assert TaskRow.objects.get().state == 1
    assert keeper.discover_at > time.monotonic() + upkeep.DISCOVER_SECONDS
