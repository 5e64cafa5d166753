"""One firing for a due time, with any number of beats, and none lost."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socket import gethostname
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import crontab, schedule
from django.db import OperationalError, connection, transaction
from durable_shop.celery import app
from redis import Redis

from patterns.durable_tasks import fresh, scheduler, unsent
from patterns.durable_tasks.models import Firing, State, TaskRow
from tests.durable_tasks.conftest import Start
from tests.durable_tasks.test_consumer import database_away
from tests.servers import eventually

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday
EPOCH = datetime.fromtimestamp(0, UTC)
# Five years: no test runs over the end of such a span.
LONG = timedelta(days=5 * 365)
SECONDS = LONG.total_seconds()


def entry(plan: Any) -> ScheduleEntry:
    return ScheduleEntry(name="entry", task="shop.write_note", schedule=plan, app=app)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def due(now: datetime, **fields: Any) -> datetime:
    return scheduler.due_time(entry(crontab(**fields, nowfun=at(now), app=app)))


def test_a_crontab_fires_for_the_minute_that_matched() -> None:
    assert due(NOON, minute="*") == datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    assert due(NOON, minute=0, hour=4) == datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
    assert due(NOON, minute=59) == datetime(2026, 3, 4, 11, 59, tzinfo=UTC)
    assert due(NOON, minute=0, hour=0, day_of_week="mon") == datetime(2026, 3, 2, tzinfo=UTC)
    assert due(NOON, minute=1, hour="*/3") == datetime(2026, 3, 4, 9, 1, tzinfo=UTC)
    assert due(NOON, minute="*", hour="0-2") == datetime(2026, 3, 4, 2, 59, tzinfo=UTC)


def test_a_crontab_of_the_29th_of_february_finds_its_last_one() -> None:
    fields = {"minute": 0, "hour": 0, "day_of_month": 29, "month_of_year": 2}
    assert due(NOON, **fields) == datetime(2024, 2, 29, tzinfo=UTC)


def test_a_crontab_whose_last_match_is_too_long_ago_fires_for_the_minute() -> None:
    """Given a 29th of February that is a Friday: it was in 2008."""
    fields = {"day_of_month": 29, "month_of_year": 2, "day_of_week": "fri"}
    assert due(NOON, minute=0, hour=0, **fields) == NOON.replace(second=0)


def test_a_crontab_at_the_very_second_fires_for_it() -> None:
    assert due(NOON.replace(second=0), minute=0, hour=12) == NOON.replace(second=0)


def test_a_crontab_of_another_time_zone_fires_for_its_own_hour() -> None:
    class InTokyo(crontab):
        tz = ZoneInfo("Asia/Tokyo")

    plan = InTokyo(minute=0, hour=20, nowfun=at(NOON), app=app)
    assert scheduler.due_time(entry(plan)) == datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


def test_two_beats_that_last_ran_at_different_times_fire_for_the_same_time() -> None:
    plan = crontab(minute="*/5", nowfun=at(NOON), app=app)
    mine, other = entry(plan), entry(plan)
    mine.last_run_at, other.last_run_at = NOON - timedelta(days=9), NOON - timedelta(minutes=1)
    assert scheduler.due_time(mine) == scheduler.due_time(other)


@pytest.mark.parametrize("seconds", [0.5, 7, 60, 86_400])
def test_an_interval_fires_for_its_span_since_1970_whenever_beat_began(seconds: float) -> None:
    moments = [NOON + timedelta(seconds=n / 4) for n in range(8)]
    times = [
        scheduler.due_time(entry(schedule(timedelta(seconds=seconds), nowfun=at(each), app=app)))
        for each in moments
    ]
    assert all(time.timestamp() % seconds == 0 for time in times)
    assert all(
        timedelta(0) <= moment - time < timedelta(seconds=seconds)
        for moment, time in zip(moments, times, strict=True)
    )


def test_an_interval_of_zero_fires_for_the_minute() -> None:
    plan = schedule(0, nowfun=at(NOON), app=app)
    assert scheduler.due_time(entry(plan)) == NOON.replace(second=0)


def test_what_is_set_for_a_point_in_time_fires_for_it() -> None:
    plan = schedule(0, nowfun=at(NOON), app=app)
    plan.clocked_time = NOON - timedelta(seconds=29)
    assert scheduler.due_time(entry(plan)) == plan.clocked_time


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


def test_a_database_that_goes_away_between_a_firing_and_its_task_has_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a session that is ended in between: the entry is still due, and none that failed."""

    class Beat(scheduler.DurableScheduler, Scheduler):
        pass

    record = scheduler.is_first

    def record_and_end(entry: str, due_at: datetime) -> bool:
        is_first = record(entry, due_at)
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return is_first

    monkeypatch.setattr(scheduler, "is_first", record_and_end)
    writes = entry(schedule(60, app=app))
    writes.args = ("x",)
    with pytest.raises(OperationalError):
        Beat(app, lazy=True).reserve(writes)
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
