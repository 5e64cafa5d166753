"""A message starts a row only while its token is the current one and the row may start."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from celery import Celery
from celery.exceptions import Ignore, SoftTimeLimitExceeded
from django.db import connection, transaction
from django.utils import timezone
from durable_shop import tasks
from durable_shop.celery import app
from durable_shop.models import Note

from patterns.durable_tasks import claim as claim_module
from patterns.durable_tasks.cancel import cancel
from patterns.durable_tasks.claim import claim
from patterns.durable_tasks.models import QueueRow, State, TaskRow
from patterns.durable_tasks.processes import process_name
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.test_consumer import database_away
from tests.servers import eventually

SOON = timedelta(seconds=30)


def published(**fields: object) -> TaskRow:
    """Return a row of which a message is on its way."""
    values = {"state": State.PUBLISHED, "leased_until": timezone.now() + SOON, **fields}
    row = TaskRow(name="shop.write_note", queue="default", arguments='[["x"],{}]', **values)
    row.publication = uuid4()
    row.save()
    return row


def claimed(row: TaskRow, publication: UUID | None = None) -> bool:
    return claim(str(row.id), str(publication or row.publication), "w@test") is not None


def test_a_message_starts_its_row_once() -> None:
    row = published(unique_key="k")
    assert claimed(row)
    assert not claimed(row)
    stored = TaskRow.objects.get()
    assert (stored.state, stored.unique_key, stored.worker) == (State.RUNNING, None, "w@test")
    assert stored.process == process_name(os.getpid())
    assert stored.leased_until is not None
    assert stored.leased_until > timezone.now() + SOON


@contextmanager
def taken(row: TaskRow) -> Iterator[None]:
    """Let the task be run by a worker that has taken the row's message."""
    told = {"durable_publication": str(row.publication), "hostname": "w@test"}
    tasks.write_note.push_request(id=str(row.id), called_directly=False, **told)
    try:
        yield
    finally:
        tasks.write_note.pop_request()


def test_a_message_that_meets_no_database_ends_and_its_row_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim_module, "CLAIM_FOR_SECONDS", 0)
    row = published()
    with taken(row), database_away(), pytest.raises(Ignore, match=r"Not claimed; .* row is there"):
        tasks.write_note()
    assert TaskRow.objects.get().state == State.PUBLISHED


def test_a_block_that_a_plain_task_left_open_is_dropped_before_the_next_claim() -> None:
    """Given a time limit that struck in the middle of it."""
    row = published()
    transaction.atomic().__enter__()
    Note.objects.create(text="of the interrupted one")
    with taken(row):
        assert tasks.write_note._claim(str(row.publication)) is not None
    assert not connection.in_atomic_block
    assert notes() == []
    assert TaskRow.objects.get().state == State.RUNNING


def test_a_stale_publication_starts_nothing() -> None:
    row = published()
    assert not claimed(row, uuid4())
    TaskRow.objects.update(publication=uuid4())  # published again meanwhile
    assert not claimed(row)
    assert TaskRow.objects.get().state == State.PUBLISHED


@pytest.mark.parametrize("state", [State.SCHEDULED, State.READY, State.FAILED])
def test_a_row_that_is_not_published_is_not_started(state: State) -> None:
    assert not claimed(published(state=state))
    assert TaskRow.objects.get().state == state


def test_a_pause_stops_what_is_published_already_and_keeps_it() -> None:
    row = published()
    QueueRow.objects.create(name="default", is_paused=True)
    assert not claimed(row)
    stored = TaskRow.objects.get()
    assert (stored.state, stored.publication) == (State.READY, None)


def test_what_has_expired_by_the_databases_clock_fails_at_the_claim() -> None:
    row = published(expires_at=timezone.now() - SOON)
    assert not claimed(row)
    stored = TaskRow.objects.get()
    assert (stored.state, stored.reason) == (State.FAILED, "expired")
    assert "It expired at" in stored.error


@pytest.mark.parametrize("what", ["a pause", "its expiry"])
def test_what_may_not_start_is_left_to_its_lease_where_a_transaction_holds_it(what: str) -> None:
    row, started = published(unique_key="k"), []
    in_between(what)

    def attempt() -> None:
        started.append(claimed(row))
        connection.close()

    thread = threading.Thread(target=attempt)
    with transaction.atomic():
        tasks.write_note.apply_async(("x",), unique_key="k")
        thread.start()
        thread.join(30)  # it is not waited for
        assert started == [False]
    thread.join()
    stored = TaskRow.objects.get()
    assert (stored.state, stored.publication) == (State.PUBLISHED, row.publication)


def test_a_soft_time_limit_during_the_claim_leaves_none_that_claims_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a caller that holds the row, when the limit strikes and the caller commits after it."""
    monkeypatch.setattr(claim_module, "HELD_FOR_SECONDS", 60)
    row, main = published(unique_key="k"), threading.get_ident()
    is_held, goes_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            tasks.write_note.apply_async(("x",), unique_key="k")
            is_held.set()
            goes_on.wait(60)
        connection.close()

    def strike() -> None:
        eventually(lambda: claims("wait_event = 'PgSleep'") == 1)
        connection.close()
        signal.pthread_kill(main, signal.SIGUSR1)

    def late(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    before, threads = signal.signal(signal.SIGUSR1, late), [threading.Thread(target=hold)]
    try:
        threads[0].start()
        assert is_held.wait(30)
        threads.append(threading.Thread(target=strike))
        threads[1].start()
        with pytest.raises(SoftTimeLimitExceeded):
            claimed(row)
    finally:
        signal.signal(signal.SIGUSR1, before)
        goes_on.set()
        for thread in threads:
            thread.join()
    eventually(lambda: claims("state = 'active'") == 0)
    assert TaskRow.objects.get().state == State.PUBLISHED
    assert claimed(row)


def claims(condition: str) -> int:
    """Count the sessions in which a claim is at work."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE {condition}"
            " AND query LIKE '%durable_tasks_claim(%' AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_a_cancelled_one_is_not_started() -> None:
    row = published()
    assert cancel([row.id]) == [row.id]
    assert not claimed(row)
    assert TaskRow.objects.get().reason == "cancelled"


def test_of_many_that_claim_at_once_one_does() -> None:
    row, won = published(), []

    def attempt() -> None:
        won.append(claimed(row))
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.parametrize("meanwhile", ["nothing", "a pause", "its expiry"])
def test_a_claim_whose_answer_was_lost_is_still_this_runs(
    monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    row = published()
    connection.ensure_connection()
    real = connection.connection
    assert real is not None
    lost = LostAnswer(real.cursor, lambda: in_between(meanwhile))
    monkeypatch.setattr(real, "cursor", lost)
    monkeypatch.setattr(connection, "close_at", None)
    found = claim(str(row.id), str(row.publication), "w@test")
    assert lost.is_lost
    assert found is not None
    assert TaskRow.objects.get().claim == found.token


def in_between(what: str) -> None:
    if what == "a pause":
        QueueRow.objects.create(name="default", is_paused=True)
    if what == "its expiry":
        TaskRow.objects.update(expires_at=timezone.now() - SOON)


class LostAnswer:
    """Cursors whose connection breaks after the claim, before its answer is read."""

    def __init__(self, cursor: Callable[..., Any], then: Callable[[], None]) -> None:
        self.real, self.then, self.is_lost = cursor, then, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        cursor = self.real(*args, **kwargs)
        execute = cursor.execute

        def broken(sql: str, *values: Any) -> None:
            execute(sql, *values)
            if "durable_tasks_claim" in sql and not self.is_lost:
                self.is_lost = True
                self.then()
                raise psycopg.OperationalError("the connection is lost")

        cursor.execute = broken
        return cursor


def test_a_claim_waits_for_a_lock_and_then_sees_what_is_true() -> None:
    row, result = published(), []
    with transaction.atomic():
        TaskRow.objects.filter(id=row.id).update(publication=uuid4())
        thread = threading.Thread(target=lambda: (result.append(claimed(row)), connection.close()))
        thread.start()
        time.sleep(0.3)
    thread.join()
    assert result == [False]


def test_a_message_with_nothing_to_claim_ends_as_ignored(
    start_relay: Start, start_worker: Start
) -> None:
    worker = start_worker()
    chain = [tasks.plain.s("never").set(queue="default")]
    Celery.send_task(
        app,
        "shop.write_note",
        (),
        task_id=str(uuid4()),
        headers={"durable_publication": str(uuid4())},
        queue="default",
        chain=chain,
    )
    eventually(lambda: "nothing to start" in worker.words)
    start_relay()
    tasks.write_note.delay("after it")
    eventually(lambda: notes() == ["after it"] and all_done())
    eventually(lambda: "succeeded in" in worker.words)  # said after the commit
    assert worker.words.count("succeeded in") == 1
