"""Of several processes one claims each run; alarms survive as rows."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from patterns.failure_check import kept_in_database
from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.models import Alarm, Run
from patterns.failure_check.records import new
from tests.failure_check.conftest import problem

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def claim(by: str = "beat", instead_of: str = "") -> Any:
    return kept_in_database.claim(by, instead_of, 20)


def pass_time(seconds: float) -> None:
    """Let all that is kept be so much older."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE failure_check_run SET at = at - make_interval(secs => %(s)s),"
            " leased_until = leased_until - make_interval(secs => %(s)s),"
            " watched_since = watched_since - make_interval(secs => %(s)s)",
            {"s": seconds},
        )
        cursor.execute(
            "UPDATE failure_check_heartbeat SET at = at - make_interval(secs => %s)", [seconds]
        )


def test_a_run_is_claimed_once_a_period() -> None:
    at = claim()
    assert at is not None
    kept_in_database.end("beat", at)
    assert claim() is None
    pass_time(60)
    assert claim() is not None


def test_of_many_at_once_one_claims_it() -> None:
    claim()
    pass_time(600)
    claimed = []
    start = threading.Barrier(8)

    def contend(number: int) -> None:
        start.wait()
        claimed.append(claim(f"beat {number}"))
        connection.close()

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is not None for each in claimed) == 1


def test_one_that_is_under_way_is_not_begun_a_second_time_until_its_lease_ends() -> None:
    claim("one")
    pass_time(61)
    assert claim("other") is None
    pass_time(30)
    assert claim("other") is not None


def test_a_stand_by_claims_where_the_other_is_silent() -> None:
    kept_in_database.end("beat", claim())
    Heartbeat("beat").write()
    pass_time(61)
    assert claim("relay", instead_of="beat") is not None


def test_a_stand_by_leaves_it_to_one_that_lives() -> None:
    kept_in_database.end("beat", claim())
    pass_time(61)
    Heartbeat("beat").write()
    assert claim("relay", instead_of="beat") is None


def test_a_stand_by_claims_where_the_other_lives_and_does_not_check() -> None:
    kept_in_database.end("beat", claim())
    pass_time(181)
    Heartbeat("beat").write()
    assert claim("relay", instead_of="beat") is not None


def test_after_a_gap_the_watching_begins_anew() -> None:
    kept_in_database.end("beat", claim())
    pass_time(239)
    kept_in_database.end("beat", claim())
    began = Run.objects.get().watched_since
    pass_time(241)
    claim()
    assert Run.objects.get().watched_since > began


def test_after_an_outage_it_does_too() -> None:
    claim()
    pass_time(100)
    kept_in_database.resume()
    run = Run.objects.get()
    assert run.watched_since > run.at


def test_a_clock_that_was_set_back_is_not_waited_for() -> None:
    claim()
    Heartbeat("beat").write()
    pass_time(-3600)
    assert claim("relay", instead_of="beat") is not None
    run = Run.objects.get()
    assert run.watched_since == run.at
    assert claim("other") is None


def test_alarms_are_kept_and_what_is_over_is_deleted() -> None:
    open_one = new("taps", problem(), NOW, ["mail"])
    over = new("taps", problem("other"), NOW, ["mail"])
    kept_in_database.save({"tap": open_one, "other": over})
    assert kept_in_database.load() == {"tap": open_one, "other": over}
    over.clear(NOW, ["mail"])
    assert over.is_over
    kept_in_database.save({"other": over})
    assert list(Alarm.objects.values_list("name", flat=True)) == ["tap"]


def test_what_somebody_elses_run_keeps_stays() -> None:
    kept_in_database.save({"tap": new("taps", problem(), NOW, ["mail"])})
    kept_in_database.save({})
    assert Alarm.objects.count() == 1


@pytest.mark.parametrize("table", ["failure_check_run", "failure_check_alarm"])
def test_a_lock_is_not_waited_for_for_ever(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_in_database, "PATIENCE_SECONDS", 0.2)
    claim()
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table}")
        with pytest.raises(Exception, match="timeout"):
            kept_in_database.load() if table.endswith("alarm") else claim()
    finally:
        other.rollback()
        other.close()
