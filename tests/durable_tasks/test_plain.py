"""A plain Celery task that ends badly is a failed row, with all that Celery tells, and can be
replayed."""

import json
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from development.server import Server
from django.db import connection, transaction
from django.test import override_settings
from durable_shop import plain_ends, stock
from durable_shop.celery import app

from patterns.durable_tasks import arguments, failed, patience, plain_rows
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.conftest import Start, notes
from tests.durable_tasks.envelopes import changed, plain_message, push
from tests.durable_tasks.failures import fail
from tests.durable_tasks.test_consumer import database_away
from tests.durable_tasks.test_scheduler import those_who_wait_for_a_lock
from tests.servers import eventually

FOREIGN = plain_ends.foreign
# The app of these tests is not the current one of this process.
OURS = override_settings(DURABLE_TASKS_OTHER_APPS={"default": "durable_shop.celery.app"})
POOLS = pytest.mark.parametrize("pool", ["prefork", "solo"])


def row_of(result: object) -> TaskRow:
    """Wait for the failed row of a task that was sent."""
    rows = TaskRow.objects.filter(pk=getattr(result, "id", result), state=State.FAILED)
    row: TaskRow = eventually(lambda: rows.first())
    return row


@POOLS
def test_an_error_is_a_row_that_says_everything(start_worker: Start, pool: str) -> None:
    start_worker("--pool", pool, name="plain@host")
    row = row_of(plain_ends.fails.delay("value", password="hunter2"))
    assert (row.name, row.queue, row.plain, row.reason) == (
        *("plain.fails", "default", True),
        "error",
    )
    assert (row.error, row.exception) == ("ValueError: no such order", "ValueError")
    assert row.traceback.rstrip().endswith("ValueError: no such order")
    assert "plain_ends.py" in row.traceback
    assert arguments.decode(row.arguments) == (["value"], {"password": "hunter2"})
    assert "hunter2" not in row.shown
    assert "***" in row.shown
    assert (row.failures, row.worker) == (1, "plain@host")
    assert row.failed_at
    assert row.first_failed_at
    assert row.origin.endswith(f":{os.getpid()}")
    (event,) = Event.objects.filter(task_id=row.id)
    assert (event.kind, event.at_worker, event.note) == ("failed", "plain@host", row.error)


def test_bad_ends_of_plain_tasks_are_told_apart(start_worker: Start) -> None:
    worker = start_worker()
    ends = {
        "retries": plain_ends.retries.delay(),
        "time_limit hard": plain_ends.hard_limit.delay("x"),
        "time_limit soft": plain_ends.soft_limit.delay("x"),
        "crashes": plain_ends.killed.delay("x"),
        "error rejected": plain_ends.rejects.delay("x"),
        "error unpicklable": plain_ends.fails.delay("unpicklable"),
        "error wrong arguments": app.send_task("plain.foreign", (), {"no": 1}, task_type=FOREIGN),
        "error dirty": plain_ends.fails.delay("dirty"),
        "error memory": plain_ends.fails.delay("memory"),
        "error recursion": plain_ends.fails.delay("recursion"),
        "crashes exit": plain_ends.fails.delay("exit"),
    }
    rows = {name: row_of(result) for name, result in ends.items()}
    assert {name: row.reason for name, row in rows.items()} == {
        name: name.partition(" ")[0] for name in ends
    }
    assert {row.failures for row in rows.values()} == {1}
    assert all(row.plain and row.traceback and row.worker for row in rows.values())
    exceptions = {name: row.exception for name, row in rows.items()}
    assert exceptions["error unpicklable"] == "Unpicklable"
    assert exceptions["error rejected"] == "ValueError"
    assert exceptions["error wrong arguments"] == "TypeError"
    assert exceptions["retries"] == "OSError"
    assert arguments.decode(rows["crashes"].arguments) == (["x"], {})
    assert arguments.decode(rows["time_limit hard"].arguments) == (["x"], {})
    assert arguments.decode(rows["error rejected"].arguments) == (["x"], {})
    assert rows["retries"].retries == 1
    assert worker.process.poll() is None


def test_an_expired_and_a_revoked_task_are_rows_with_their_arguments(start_worker: Start) -> None:
    worker = start_worker()
    late = plain_ends.fails.apply_async(("late",), expires=datetime.now(UTC) - timedelta(seconds=9))
    expired = row_of(late)
    assert (expired.reason, expired.exception) == ("expired", "expired")
    assert arguments.decode(expired.arguments) == (["late"], {})
    task_id = str(uuid4())
    app.control.broadcast("revoke", arguments={"task_id": task_id}, reply=True, timeout=5)
    plain_ends.fails.apply_async(("unwanted",), task_id=task_id)
    revoked = row_of(task_id)
    assert revoked.reason == "cancelled"
    assert arguments.decode(revoked.arguments) == (["unwanted"], {})
    running = plain_ends.sleeps.delay("x")
    eventually(lambda: notes() or None)
    told = {"task_id": running.id, "terminate": True, "signal": "SIGKILL"}
    app.control.broadcast("revoke", arguments=told)
    terminated = row_of(running)
    assert (terminated.reason, terminated.failures) == ("cancelled", 1)
    assert worker.process.poll() is None


def test_a_result_that_no_backend_takes_is_a_row(start_worker: Start, broker: Server) -> None:
    start_worker(DURABLE_TEST_RESULTS=broker.url)
    row = row_of(app.send_task("plain.unserialisable", task_type=plain_ends.unserialisable))
    assert (row.reason, row.exception) == ("error", "EncodeError")


def test_a_failure_that_no_result_backend_hears_of_is_a_row(start_worker: Start) -> None:
    start_worker(DURABLE_TEST_RESULTS="redis://127.0.0.1:1/0")
    row = row_of(app.send_task("plain.fails_with_result", task_type=plain_ends.fails_with_result))
    assert "no such order" in row.traceback


def test_a_task_of_a_foreign_base_class_is_a_row_too(start_worker: Start) -> None:
    start_worker()
    row = row_of(app.send_task("plain.foreign", ("x",), {"password": "s"}, task_type=FOREIGN))
    assert arguments.decode(row.arguments) == (["x"], {"password": "s"})
    assert '"s"' not in row.shown
    assert "'s'" not in row.shown
    with OURS:
        assert failed.obstacles([row])


def test_arguments_that_cannot_be_kept_leave_a_row_that_says_why(start_worker: Start) -> None:
    start_worker()
    large = "x" * 70_000
    row = row_of(app.send_task("plain.foreign", (large,), task_type=FOREIGN))
    assert row.arguments == ""
    assert row.error.startswith("ValueError: foreign\n")
    assert "70,0" in row.error
    assert row.exception == "ValueError"
    with OURS:
        assert failed.obstacles([row])


def test_an_id_that_is_no_uuid_and_a_message_that_comes_twice_are_one_row(
    start_worker: Start,
) -> None:
    start_worker()
    for _ in range(2):
        plain_ends.fails.apply_async(("value",), task_id="order 7")
    row = eventually(lambda: TaskRow.objects.filter(failures=2).first())
    assert TaskRow.objects.count() == 1
    assert "Its id was 'order 7'" in row.error
    assert row.exception == "ValueError"
    assert [each.kind for each in Event.objects.filter(task_id=row.id)] == ["failed", "failed"]


def test_what_was_discarded_and_fails_again_is_failed_again(start_worker: Start) -> None:
    start_worker()
    row = row_of(plain_ends.fails.delay("value"))
    failed.discard(failed.Selection(ids=(row.id,)), by="ann")
    plain_ends.fails.apply_async(("value",), task_id=str(row.id))
    again = row_of(str(row.id))
    assert (again.failures, again.discarded_at) == (2, None)


def test_a_replayed_plain_task_runs_once_and_leaves_the_set(
    start_worker: Start, start_relay: Start, tmp_path: Path
) -> None:
    start_worker()
    path = tmp_path / "there"
    row = row_of(plain_ends.until.delay(str(path), "done"))
    start_relay()
    with OURS:
        assert failed.replay(failed.Selection(), by="ann").done == 1
    eventually(lambda: TaskRow.objects.filter(failures=2, state=State.FAILED).exists())
    path.touch()
    with OURS:
        assert failed.replay(failed.Selection(), by="ann").done == 1
    eventually(lambda: not TaskRow.objects.exists())
    assert notes() == ["done"]
    kinds = [each.kind for each in Event.objects.filter(task_id=row.id).order_by("at", "id")]
    assert kinds == ["failed", "replayed", "failed", "replayed", "succeeded"]


def test_a_plain_task_that_succeeds_leaves_no_row(start_worker: Start) -> None:
    worker = start_worker()
    app.send_task("plain.fails", ("well",), task_type=plain_ends.fails)
    eventually(lambda: "succeeded" in worker.words)
    assert not TaskRow.objects.exists()


@POOLS
def test_with_the_database_frozen_the_worker_goes_on_and_the_log_has_it(
    start_worker: Start, pool: str
) -> None:
    worker = start_worker("--pool", pool)
    row_of(plain_ends.fails.delay("value"))
    with database_away():
        began = time.monotonic()
        for _ in range(5):
            plain_ends.fails.delay("value")
        eventually(lambda: worker.words.count("is not in the failed set") >= 5)
        assert time.monotonic() - began < 30
    row_of(plain_ends.fails.delay("value"))
    assert worker.process.poll() is None


def test_the_durable_task_whose_message_is_revoked_is_cancelled(
    start_worker: Start, start_relay: Start
) -> None:
    start_worker()
    task_id = str(uuid4())
    app.control.broadcast("revoke", arguments={"task_id": task_id}, reply=True, timeout=5)
    app.tasks["shop.write_note"].apply_async(("unwanted",), task_id=task_id)
    start_relay()
    row = row_of(task_id)
    assert (row.reason, row.plain) == ("cancelled", False)
    assert [each.kind for each in Event.objects.filter(task_id=row.id)] == ["cancelled"]
    assert notes() == []


def test_a_running_durable_task_that_is_terminated_is_cancelled_and_not_run_again(
    start_worker: Start, start_relay: Start, tmp_path: Path
) -> None:
    worker = start_worker()
    start_relay()
    path = str(tmp_path / "go")
    result = app.tasks["ends.slow_outside"].delay("text", path)
    eventually(lambda: Path(path + ".pid").exists())
    told = {"task_id": result.id, "terminate": True, "signal": "SIGKILL"}
    app.control.broadcast("revoke", arguments=told)
    row = row_of(result)
    assert (row.reason, row.failures, row.crashes) == ("cancelled", 1, 0)
    assert worker.process.poll() is None


def test_a_durable_result_that_no_backend_takes_undoes_the_task_and_is_a_row(
    start_worker: Start, start_relay: Start, broker: Server
) -> None:
    start_worker(DURABLE_TEST_RESULTS=broker.url)
    start_relay()
    plain_ends.durable_serialisable.delay("kept")
    row = row_of(plain_ends.durable_unserialisable.delay("undone"))
    assert (row.reason, row.exception, row.plain) == ("error", "EncodeError", False)
    eventually(lambda: notes() == ["kept"])


def test_what_follows_a_replayed_step_of_a_chain_follows(
    start_worker: Start, start_relay: Start, tmp_path: Path
) -> None:
    start_worker()
    path = tmp_path / "there"
    chain = plain_ends.until.si(str(path), "first") | app.tasks["shop.plain"].si("second")
    row = row_of(chain.apply_async().parent)
    assert "chain" in json.loads(row.options)
    path.touch()
    start_relay()
    with OURS:
        failed.replay(failed.Selection(ids=(UUID(str(row.id)),)), by="ann")
    eventually(lambda: notes() == ["first", "second"])


def ended(task_id: object) -> plain_rows.Ended:
    return plain_rows.Ended(
        task=plain_ends.fails,
        task_id=str(task_id),
        request=None,
        args=("x",),
        kwargs={},
        reason="error",
        error="ValueError: again",
    )


@pytest.mark.parametrize(
    "other",
    [{"plain": True, "state": State.READY}, {"plain": True, "state": State.RUNNING}, {}],
    ids=str,
)
def test_a_message_that_comes_again_fails_no_row_that_waits_or_runs_or_is_durable(
    other: dict[str, Any],
) -> None:
    row = fail("x", **other)
    before = TaskRow.objects.values().get()
    assert not plain_rows.keep(ended(row.id))
    assert TaskRow.objects.values().get() == before


@pytest.mark.parametrize(
    "long", ["\\'\"\n" * 3000, "\x01" * 9000, "\0" * 9000], ids=["quotes", "control", "nul"]
)
def test_long_arguments_are_shown_cut_and_as_what_a_replay_can_read(long: str) -> None:
    id = uuid4()
    told = replace(ended(id), args=(long, [long] * 5), kwargs={"more": long})
    assert plain_rows.keep(told)
    shown = json.loads(TaskRow.objects.get(pk=id).shown)
    assert len(shown) == 2
    assert all(0 < len(each) <= 2 * arguments.SHOWN_CHARACTERS for each in shown)


def test_a_failed_plain_row_is_failed_again_and_keep_says_that_it_was_written() -> None:
    row = fail("x", plain=True)
    assert plain_rows.keep(ended(row.id))
    assert TaskRow.objects.get().failures == 2


def test_a_session_that_is_frozen_while_it_writes_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "_rests_until", [0.0])
    told: list[bool] = []
    writer = Thread(target=lambda: told.append(plain_rows.keep(ended(uuid4()))), daemon=True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE durable_tasks_task IN SHARE MODE")
        writer.start()
        (session,) = eventually(those_who_wait_for_a_lock)
        os.kill(session, signal.SIGSTOP)  # no timeout of its own ends it now
        try:
            writer.join(30)
        finally:
            os.kill(session, signal.SIGCONT)
    assert told == [False]


def test_a_worker_that_is_killed_while_it_records_loses_nothing_else(start_worker: Start) -> None:
    worker = start_worker()
    plain_ends.fails.delay("value")
    eventually(lambda: "received" in worker.words)
    os.killpg(worker.pid, signal.SIGKILL)
    second = start_worker(name="second@test")
    row_of(plain_ends.fails.delay("value"))
    assert second.process.poll() is None


def test_what_a_stock_app_of_the_project_tells_is_kept(start: Start, broker: Server) -> None:
    command = ("-m", "celery", "-A", "durable_shop.stock", "worker", "-Q", "stock", "-n", "s@host")
    worker = start(*command, "-c", "1", "-l", "INFO")
    eventually(lambda: worker.has_said(" ready."))
    with stock.app.connection_for_write(broker.url) as connection:

        def send(name: str, how: str, **options: Any) -> str:
            sent = stock.app.send_task(
                name, (how,), connection=connection, queue="stock", retry=False, **options
            )
            return str(sent.id)

        ids = {
            "error": send("stock.ends", "raise"),
            "error rejected": send("stock.ends", "reject"),
            "time_limit": send("stock.overruns", "sleep"),
            "unknown": send("nobody.knows", "x"),
            "expired": send("stock.ends", "late", expires=datetime(2020, 1, 1, tzinfo=UTC)),
        }
    rows = {name: row_of(task_id) for name, task_id in ids.items()}
    assert [row.reason for row in rows.values()] == [name.partition(" ")[0] for name in rows]
    assert {row.failures for row in rows.values()} == {1}
    assert {row.queue for row in rows.values()} == {"stock"}
    assert arguments.decode(rows["unknown"].arguments) == (["x"], {})
    assert json.loads(rows["unknown"].shown) == ["('***',)", "{}"]
    assert arguments.decode(rows["time_limit"].arguments) == (["sleep"], {})
    assert arguments.decode(rows["error rejected"].arguments) == (["reject"], {})
    assert rows["error rejected"].exception == "ValueError"
    assert (rows["error"].worker, rows["time_limit"].worker) == ("s@host", "s@host")
    assert rows["expired"].arguments == ""
    assert rows["expired"].error.endswith(plain_rows.NOT_TOLD)
    message = plain_message(broker.url, "x")
    nameless = message | {"headers": {"no": "task"}}
    unreadable = message | {"content-type": "application/x-what"}
    refused = changed(unreadable, "headers", "task", "stock.ends")
    push(broker.url, nameless, unreadable, refused, queue="stock")
    malformed = TaskRow.objects.filter(reason="malformed")
    eventually(lambda: malformed.count() == 2)
    eventually(lambda: TaskRow.objects.filter(reason="unknown").count() == 2)
    assert all(row.message for row in malformed)
