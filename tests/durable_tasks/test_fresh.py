"""Writes on connections of their own: bounded, and nothing stays behind."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection, connections, transaction

from patterns.durable_tasks import fresh, patience
from patterns.durable_tasks.models import QueueRow
from tests.servers import eventually

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def test_it_commits_whatever_transaction_is_open_here() -> None:
    with transaction.atomic():
        fresh.execute("INSERT INTO durable_tasks_queue (name) VALUES (%s)", ["q"])
        transaction.set_rollback(True)
    assert QueueRow.objects.filter(name="q").exists()


def test_a_lock_is_waited_for_so_long_and_no_session_is_left() -> None:
    QueueRow.objects.create(name="q")
    before = sessions()
    with transaction.atomic():
        with connection.cursor() as own:  # else whoever waited would wait for ever
            own.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        QueueRow.objects.select_for_update().get(name="q")
        with pytest.raises(OperationalError), fresh.cursor(patience_seconds=0.5) as cursor:
            cursor.execute("DELETE FROM durable_tasks_queue")
    eventually(lambda: sessions() <= before)  # the server ends one after the client has left


def sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS)
        return int(cursor.fetchone()[0])


def test_its_limits_end_with_its_transaction() -> None:
    with fresh.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("3s",)
        cursor.connection.commit()
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_the_worker_is_not_held_up_by_a_database_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fresh, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(patience, "_rests_until", [0.0])
    monkeypatch.setattr(patience, "REST_SECONDS", 600)
    asked: list[str] = []
    is_over = threading.Event()

    def answer_late() -> None:
        asked.append("database")
        is_over.wait(120)

    began = time.monotonic()
    assert not patience.in_time(answer_late, "task", "is left to its lease")
    assert not patience.in_time(answer_late, "another", "is left to its lease")
    assert time.monotonic() - began < 60
    is_over.set()
    assert asked == ["database"]  # it rests after the first


def test_a_row_that_is_locked_is_no_database_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fresh, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 60)  # as slow as a noisy machine may be
    monkeypatch.setattr(patience, "_rests_until", [0.0])

    def delete() -> None:
        with fresh.cursor(patience_seconds=0.5) as cursor:
            cursor.execute("DELETE FROM durable_tasks_queue")

    QueueRow.objects.create(name="q")
    with transaction.atomic():
        with connection.cursor() as own:  # else whoever waited would wait for ever
            own.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        QueueRow.objects.select_for_update().get(name="q")
        assert not patience.in_time(delete, "task", "is not in the failed set")
    assert "canceling statement due to" in caplog.text
    assert patience.in_time(delete, "another", "is not in the failed set")


def test_where_there_is_no_session_there_is_no_statement_to_stop() -> None:
    connection.close()
    fresh.canceller()()
    assert connection.connection is None


def test_a_statement_that_cannot_be_stopped_is_said_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its caller is about to write how the run ended."""

    def cancel() -> None:
        raise OperationalError("no route to host")

    asked = SimpleNamespace(cancel=cancel)
    raw = SimpleNamespace(
        closed=True, pgconn=SimpleNamespace(get_cancel=lambda: asked),
        info=SimpleNamespace(backend_pid=77),
    )  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "connection", raw)
        stop = fresh.canceller()
    stop()
    assert "session 77 may be still at work: no route to host" in caplog.text
