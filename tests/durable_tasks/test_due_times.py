"""The time for which a beat entry fires, whichever beat asks and whenever it last ran."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.beat import ScheduleEntry
from celery.schedules import crontab, schedule
from durable_shop.celery import app

from patterns.durable_tasks.due_times import due_time

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday


def entry(plan: Any) -> ScheduleEntry:
    return ScheduleEntry(name="entry", task="shop.write_note", schedule=plan, app=app)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def due(now: datetime, **fields: Any) -> datetime:
    return due_time(entry(crontab(**fields, nowfun=at(now), app=app)))


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
    assert due_time(entry(plan)) == datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


def test_two_beats_that_last_ran_at_different_times_fire_for_the_same_time() -> None:
    plan = crontab(minute="*/5", nowfun=at(NOON), app=app)
    mine, other = entry(plan), entry(plan)
    mine.last_run_at, other.last_run_at = NOON - timedelta(days=9), NOON - timedelta(minutes=1)
    assert due_time(mine) == due_time(other)


@pytest.mark.parametrize("seconds", [0.5, 7, 60, 86_400])
def test_an_interval_fires_for_its_span_since_1970_whenever_beat_began(seconds: float) -> None:
    moments = [NOON + timedelta(seconds=n / 4) for n in range(8)]
    times = [
        due_time(entry(schedule(timedelta(seconds=seconds), nowfun=at(each), app=app)))
        for each in moments
    ]
    assert all(time.timestamp() % seconds == 0 for time in times)
    assert all(
        timedelta(0) <= moment - time < timedelta(seconds=seconds)
        for moment, time in zip(moments, times, strict=True)
    )


def test_an_interval_of_zero_fires_for_the_minute() -> None:
    plan = schedule(0, nowfun=at(NOON), app=app)
    assert due_time(entry(plan)) == NOON.replace(second=0)


def test_what_is_set_for_a_point_in_time_fires_for_it() -> None:
    plan = schedule(0, nowfun=at(NOON), app=app)
    plan.clocked_time = NOON - timedelta(seconds=29)
    assert due_time(entry(plan)) == plan.clocked_time
