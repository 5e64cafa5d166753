"""One firing for a due time, with any number of beats, and none lost."""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socket import gethostname
from typing import Any
from uuid import uuid4

import pytest
from celery.beat import BeatLazyFunc, ScheduleEntry, Scheduler
from celery.schedules import schedule
from django.db import OperationalError, connection, connections, transaction
from durable_shop.celery import app
from redis import Redis

from patterns.durable_tasks import fresh, scheduler, unsent
from patterns.durable_tasks.models import Firing, State, TaskRow
from tests.durable_tasks.conftest import Start
from tests.durable_tasks.test_consumer import database_away
from tests.servers import eventually

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)
# Five years: no test runs over the end of such a span.
LONG = timedelta(days=5 * 365)
SECONDS = LONG.total_seconds()


class Beat(scheduler.DurableScheduler, Scheduler):
    """Celery's own scheduler, made durable, in the test's process."""

    _is_started = True  # it sets no signal handlers here


def beat_of(*names: str, **args: Any) -> Beat:
    """Return a beat whose entries are due, in this order; an entry's argument may be given."""
    beat = Beat(app, lazy=True)
    for name in names:
        given = {"name": name, "task": "shop.write_note", "args": (args.get(name, "note"),)}
        # Its first run was in 2020, as in durable_shop.beat.
        began = datetime(2020, 1, 1, tzinfo=UTC)
        beat.schedule[name] = ScheduleEntry(
            **given, schedule=schedule(LONG, app=app), last_run_at=began, app=app
        )
    return beat


def ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def test_a_firing_is_recorded_once_and_a_rollback_forgets_it() -> None:
    with transaction.atomic():
        assert scheduler.is_first("entry", NOON)
        transaction.set_rollback(True)
    assert scheduler.is_first("entry", NOON)
    assert not scheduler.is_first("entry", NOON)
    assert scheduler.is_first("other entry", NOON)
    assert scheduler.is_first("entry", NOON + timedelta(seconds=1))
    assert Firing.objects.count() == 3


def note(seconds: float, **fields: Any) -> dict[str, Any]:
    return {"task": "shop.write_note", "schedule": seconds, "args": ["note"], **fields}


def test_two_beats_enqueue_once_for_each_due_time_without_a_broker(start_beat: Start) -> None:
    beats = [start_beat({"each second": note(1), "once": note(SECONDS)}, name) for name in "ab"]
    eventually(lambda: Firing.objects.filter(entry="each second").count() >= 6)
    # Whichever wakes first wins, and may do so each time.
    eventually(lambda: any("was sent by another beat" in beat.words for beat in beats))
    for beat in beats:
        beat.stop()
    assert TaskRow.objects.count() == Firing.objects.count()
    assert Firing.objects.filter(entry="once").count() == 1
    assert {beat.process.returncode for beat in beats} == {0}
    assert all("Traceback" not in beat.words for beat in beats)


def test_when_one_of_two_is_killed_the_other_goes_on(start_beat: Start) -> None:
    killed, left = (start_beat({"each second": note(1)}, name) for name in "ab")
    eventually(lambda: Firing.objects.count() >= 2)
    killed.kill()
    count = Firing.objects.count()
    eventually(lambda: Firing.objects.count() >= count + 3)
    left.stop()
    assert TaskRow.objects.count() == Firing.objects.count()


def test_a_firing_that_the_database_did_not_take_is_made_when_it_is_back(start_beat: Start) -> None:
    schedule = {"once": note(SECONDS), "other": note(SECONDS)}
    with database_away():
        beat = start_beat(schedule)
        eventually(lambda: "does not answer" in beat.words)
    eventually(lambda: TaskRow.objects.count() == 2)
    beat.stop()
    assert TaskRow.objects.count() == Firing.objects.count() == 2


def test_beat_that_waits_for_its_database_ends_at_once_and_the_next_one_fires(
    start_beat: Start,
) -> None:
    with database_away():
        beat = start_beat({"once": note(SECONDS)})
        eventually(lambda: "does not answer" in beat.words)
        beat.process.send_signal(signal.SIGTERM)
        assert beat.process.wait(60) == 0  # else as late as the database is back: never, here
    start_beat({"once": note(SECONDS)})
    eventually(lambda: TaskRow.objects.count() == 1)


def test_a_beat_killed_before_it_wrote_its_schedule_fires_no_second_time(
    start_beat: Start,
) -> None:
    first = start_beat({"once": note(SECONDS)}, "a")
    eventually(lambda: TaskRow.objects.count() == 1)
    first.kill()
    second = start_beat({"once": note(SECONDS)}, "b")
    eventually(lambda: "was sent by another beat" in second.words)
    assert TaskRow.objects.count() == 1


def test_a_plain_task_is_sent_by_one_of_two_beats(start_beat: Start, broker: Any) -> None:
    # Each once in five years: a beat that is stopped amid a firing has sent what it takes back.
    plain = {str(n): note(SECONDS) | {"task": "shop.plain"} for n in range(4)}
    beats = [start_beat(plain, name, DURABLE_TEST_BROKER=broker.url) for name in "ab"]
    eventually(lambda: sum(b.words.count("was sent by another beat") for b in beats) == len(plain))
    for beat in beats:
        beat.stop()
    with Redis.from_url(broker.url) as server:
        assert server.llen("default") == Firing.objects.count() == len(plain)
    assert not TaskRow.objects.exists()


def test_an_entry_that_cannot_be_sent_does_not_hold_up_the_others(start_beat: Start) -> None:
    wrong = note(SECONDS) | {"args": ["too", "many", "arguments", "for it"]}
    beat = start_beat({"a wrong one": wrong, "right": note(SECONDS)})
    # Which of the two is due first is beat's to choose.
    eventually(lambda: TaskRow.objects.filter(state=State.READY).count() == 1)
    eventually(lambda: TaskRow.objects.filter(state=State.FAILED, reason="unsent").count() == 1)
    eventually(lambda: "Beat entry 'a wrong one' was not sent" in beat.words)
    assert list(Firing.objects.values_list("entry", flat=True)) == ["right"]


REFUSED = {
    "a table that is missing": "SELECT * FROM of_a_bad_deploy",
    "a statement that takes too long": "SET LOCAL statement_timeout = 1; SELECT pg_sleep(9)",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=list(REFUSED))
def test_an_entry_whose_own_question_is_refused_is_a_failed_row_and_the_others_fire(
    statement: str,
) -> None:
    beat = beat_of("wrong", "right", wrong=BeatLazyFunc(ask, statement))
    assert [beat.tick(), beat.tick()] == [0, 0]  # no pause: the database is there
    assert list(Firing.objects.values_list("entry", flat=True)) == ["right"]
    assert TaskRow.objects.filter(state=State.READY).count() == 1
    assert TaskRow.objects.get(state=State.FAILED).unique_key == "beat:wrong"
    assert beat.tick() > 5  # both are due again in five years


def test_a_refused_entry_of_which_no_failed_row_can_be_written_is_tried_again_after_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unsent, "keep", lambda *_: False)
    beat = beat_of("wrong", "right", wrong=BeatLazyFunc(ask, REFUSED["a table that is missing"]))
    assert [beat.tick(), beat.tick()] == [scheduler.PAUSE_SECONDS, 0]
    assert Firing.objects.get().entry == "right"
    assert beat.schedule["wrong"].is_due().is_due


def test_an_entry_that_loses_the_session_each_time_is_still_due_and_the_others_fire() -> None:
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    beat = beat_of("wrong", "right", wrong=BeatLazyFunc(ask, end))
    assert [beat.tick(), beat.tick()] == [scheduler.PAUSE_SECONDS, 0]
    assert Firing.objects.get().entry == "right"
    assert TaskRow.objects.get().state == State.READY
    assert beat.schedule["wrong"].is_due().is_due


def test_beat_without_the_table_of_firings_waits_for_the_migrations() -> None:
    beat = beat_of("entry")
    rename("durable_tasks_firing", "not_migrated")
    try:
        assert beat.tick() == scheduler.PAUSE_SECONDS
    finally:
        rename("not_migrated", "durable_tasks_firing")
    assert not TaskRow.objects.exists()  # no failed row either
    assert beat.schedule["entry"].is_due().is_due


def rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_beat_that_is_frozen_in_a_firing_holds_up_that_entry_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a session that has fired and does not commit: the entry fires when it has ended."""
    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0.1)
    beat = beat_of("held", "free")
    frozen = connections.create_connection("default")
    try:
        frozen.set_autocommit(False)
        with frozen.cursor() as cursor:
            cursor.execute(scheduler._FIRST, ["held", slot()])
        assert [beat.tick(), beat.tick()] == [0, 0]
        assert Firing.objects.get().entry == "free"
        assert "Beat entry 'held' is tried again" in caplog.text
    finally:
        frozen.close()
    eventually(lambda: beat.tick() > 1)
    assert sorted(Firing.objects.values_list("entry", flat=True)) == ["free", "held"]
    assert list(TaskRow.objects.values_list("state", flat=True)) == [State.READY] * 2


def test_an_entry_whose_unique_key_is_held_is_tried_again_and_not_a_failed_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0.1)
    beat = beat_of("entry")
    beat.schedule["entry"].options = {"unique_key": "one"}
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(_HOLD_KEY, [uuid4()])
        assert beat.tick() == 0
        assert not TaskRow.objects.exists()
    finally:
        other.close()
    eventually(lambda: beat.tick() > 1)
    assert TaskRow.objects.get().state == State.READY


_HOLD_KEY = """
INSERT INTO durable_tasks_task (id, name, queue, state, unique_key, arguments)
VALUES (%s, 'shop.write_note', 'default', 1, 'one', '[[], {}]')
"""


def test_the_server_ends_the_session_of_a_beat_that_is_frozen_in_a_firing() -> None:
    setting = "SELECT current_setting('idle_in_transaction_session_timeout')"
    beat = beat_of("entry", entry=BeatLazyFunc(lambda: ask(setting)[0]))
    beat.tick()
    assert TaskRow.objects.get().arguments == '[["1min"], {}]'
    assert ask(setting) == ("0",)  # the session itself is as it was


def test_a_database_that_goes_away_between_a_firing_and_its_task_has_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a session that is ended in between: the entry is still due, and none that failed."""
    record = scheduler.is_first

    def record_and_end(entry: str, due_at: datetime) -> bool:
        is_first = record(entry, due_at)
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return is_first

    monkeypatch.setattr(scheduler, "is_first", record_and_end)
    beat = beat_of("entry")
    with pytest.raises(OperationalError):
        beat.reserve(beat.schedule["entry"])
    connection.close()
    assert not Firing.objects.exists()
    assert not TaskRow.objects.exists()


def test_an_entry_that_names_another_task_by_now_is_one_row_of_that_task() -> None:
    for name, args in (("shop.write_note", ["of the first"]), ("shop.plain", ["of the second"])):
        entry = ScheduleEntry(name="entry", task=name, args=args, schedule=1, app=app)
        assert unsent.keep(app, entry, ValueError("not sent"))
    row = TaskRow.objects.get()
    assert (row.name, row.plain, row.arguments) == ("shop.plain", True, '[["of the second"], {}]')
    assert (row.failures, row.origin) == (2, f"{gethostname()}:{os.getpid()}")


def test_a_beat_waits_for_another_that_is_in_the_middle_of_a_firing_and_takes_it_over(
    start_beat: Start,
) -> None:
    with transaction.atomic():
        scheduler.is_first("once", slot())
        start_beat({"once": note(SECONDS)})
        eventually(those_who_wait_for_a_lock)
        transaction.set_rollback(True)
    eventually(lambda: TaskRow.objects.count() == 1)


def test_beat_ends_on_sigterm_though_its_session_in_the_database_is_frozen(
    start_beat: Start,
) -> None:
    with transaction.atomic():
        scheduler.is_first("once", slot())
        beat = start_beat({"once": note(SECONDS)})
        (session,) = eventually(those_who_wait_for_a_lock)
        os.kill(session, signal.SIGSTOP)
        try:
            beat.process.send_signal(signal.SIGTERM)
            assert beat.process.wait(60) == 0
        finally:
            os.kill(session, signal.SIGCONT)
    assert "Ended without the database" in beat.words
    assert not TaskRow.objects.exists()


def slot() -> datetime:
    return EPOCH + (datetime.now(UTC) - EPOCH) // LONG * LONG


def those_who_wait_for_a_lock() -> list[int]:
    question = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return [row[0] for row in fresh.execute(question, [])]


def test_a_database_that_is_lost_while_the_schedule_is_read_has_it_read_anew() -> None:
    class Reading:
        def tick(self) -> float:
            raise OperationalError("lost")

    class Scheduler(scheduler.DurableScheduler, Reading):
        _is_started, _heap = True, ["half of it"]

    beat = Scheduler()
    assert beat.tick() == scheduler.PAUSE_SECONDS
    assert beat._heap is None
