"""Alarms are raised, kept and cleared over runs, over outages of the database, once each."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connections

from patterns.failure_check import bounded, kept_in_database, kept_in_file, run
from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.models import Alarm, Run
from patterns.failure_check.problem import Problem
from patterns.failure_check.watch import Watch
from tests.failure_check.conftest import Found, Outage, age, notified, problem
from tests.failure_check.test_kept_in_file import is_full
from tests.failure_check.web import Web
from tests.lost_sessions import WHEN, faults

EVERY_TURN = 0.0001  # a run is always due


@pytest.fixture(autouse=True)
def soon(settings: Any) -> None:
    settings.FAILURE_CHECK_PERIOD_SECONDS = EVERY_TURN


def told() -> list[tuple[str, str]]:
    return [(each.name, each.event) for each in notified]


def turn(watch: Watch, times: int = 1) -> None:
    for _ in range(times):
        watch.turn()


def test_an_alarm_is_raised_once_and_cleared_once(project: Found) -> None:
    watch = Watch("beat")
    turn(watch)
    assert told() == []
    project.problems = [problem()]
    turn(watch, 3)
    assert told() == [("tap", "raised")]
    assert Alarm.objects.get().owed == []
    project.problems = []
    turn(watch, 3)
    assert told() == [("tap", "raised"), ("tap", "cleared")]
    assert not Alarm.objects.exists()
    assert Run.objects.get().leased_until is None


@pytest.mark.parametrize("when", WHEN)
def test_a_session_that_ends_at_any_statement_of_a_run_tells_nothing_twice_and_forgets_nothing(
    when: str, project: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults(monkeypatch, when, fewest=10):
        watch, expected = Watch("beat"), [("tap", "raised"), ("tap", "cleared")]
        for number, project.problems in enumerate(([problem()], [])):
            with fault.armed(), suppress(OperationalError, InterfaceError):
                watch.turn()
            Run.objects.update(leased_until=None)  # as its end does: of one that was cut off
            turn(watch, 2)
            of_tap = [each for each in told() if each[0] == "tap"]
            assert of_tap == expected[: number + 1], f"at statement {fault.at}"
        notified.clear()


def test_one_whose_words_no_row_can_hold_is_kept_in_a_row_all_the_same(project: Found) -> None:
    watch = Watch("beat")
    project.problems = [
        Problem(name=f"{'tap' * 9000}\0", severity="warning", sentence="\ud800", remedy="\0Off.")
    ]
    turn(watch, 3)
    assert [event for _, event in told()] == ["raised"]
    assert Alarm.objects.count() == 1
    assert not kept_in_file.read().is_ahead
    project.problems = []
    turn(watch)
    assert [event for _, event in told()] == ["raised", "cleared"]
    assert not Alarm.objects.exists()


def test_another_process_goes_on_where_one_has_ended(project: Found) -> None:
    project.problems = [problem()]
    turn(Watch("beat"))
    turn(Watch("relay", instead_of="beat"))
    project.problems = []
    turn(Watch("relay", instead_of="beat"))
    assert told() == [("tap", "raised"), ("tap", "cleared")]


def test_a_run_that_is_not_due_is_not_made(project: Found, settings: Any) -> None:
    settings.FAILURE_CHECK_PERIOD_SECONDS = 60
    watch = Watch("beat")
    turn(watch)
    project.problems = [problem()]
    turn(watch, 3)
    assert told() == []


def test_a_blink_of_the_database_is_no_alarm(outage: Outage) -> None:
    watch = Watch("beat")
    turn(watch)
    outage.begin()
    turn(watch)
    outage.end()
    turn(watch)
    assert told() == []


def test_an_outage_is_told_once_and_so_is_its_end(project: Found, outage: Outage) -> None:
    watch = Watch("beat")
    project.problems = [problem()]
    turn(watch)
    outage.begin()
    turn(watch, 4)
    assert told() == [("tap", "raised"), ("database_down", "raised")]
    outage.end()
    turn(watch, 3)
    assert told() == [("tap", "raised"), ("database_down", "raised"), ("database_down", "cleared")]
    assert [alarm.name for alarm in Alarm.objects.all()] == ["tap"]
    assert not kept_in_file.read().is_ahead


def test_on_a_full_disk_an_outage_is_told_once_too(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch("beat")
    turn(watch)
    outage.begin()
    with monkeypatch.context() as patch:
        patch.setattr(kept_in_file.json, "dump", is_full)
        turn(watch, 4)
        outage.end()
        turn(watch, 3)
    turn(watch)
    assert told() == [("database_down", "raised"), ("database_down", "cleared")]
    assert not kept_in_file.read().is_ahead


def test_what_ends_amid_an_outage_is_not_told_again_after_it(
    project: Found, outage: Outage
) -> None:
    watch = Watch("beat")
    project.problems = [problem()]
    turn(watch)
    outage.begin()
    project.problems = []
    turn(watch, 3)
    outage.end()
    turn(watch, 2)
    assert told().count(("tap", "cleared")) == 1
    assert not Alarm.objects.exists()


def test_another_process_of_the_machine_does_not_tell_the_same_amid_an_outage(
    outage: Outage, settings: Any
) -> None:
    beat, relay = Watch("beat"), Watch("relay", instead_of="beat")
    turn(beat)
    outage.begin()
    for _ in range(4):
        turn(beat)
        turn(relay)
    assert told() == [("database_down", "raised")]


def test_one_that_was_started_amid_an_outage_tells_of_it(outage: Outage) -> None:
    outage.begin()
    turn(Watch("beat"), 2)
    assert told() == [("database_down", "raised")]


def test_after_an_outage_no_silence_of_it_counts(outage: Outage) -> None:
    watch = Watch("beat")
    turn(watch)
    before = Run.objects.get().watched_since
    outage.begin()
    turn(watch)
    outage.end()
    turn(watch)
    assert Run.objects.get().watched_since > before


@pytest.fixture
def dead_worker(project: Found, settings: Any) -> Watch:
    """A worker that has been dead for an hour, which was told."""
    settings.FAILURE_CHECKS = ("patterns.failure_check.processes.silent",)
    settings.FAILURE_CHECK_HEARTBEATS = {"relay": 20}
    watch = Watch("beat")
    turn(watch)
    Heartbeat("worker mail@a", ["mail"]).write()
    age("failure_check_heartbeat", "at", 3600)
    age("failure_check_run", "watched_since", 7200)
    turn(watch)
    assert told() == [("stale:relay", "raised"), ("stale:worker mail@a", "raised")]
    return watch


def test_what_was_dead_before_the_database_blinked_is_dead_after_it(
    dead_worker: Watch, outage: Outage
) -> None:
    outage.begin()
    turn(dead_worker)
    outage.end()
    turn(dead_worker, 2)
    assert len(told()) == 2


def test_what_was_dead_is_dead_after_a_time_in_which_nobody_looked(dead_worker: Watch) -> None:
    age("failure_check_run", "at", 300)
    turn(Watch("beat"), 2)
    assert len(told()) == 2


def test_what_cannot_be_handed_to_the_database_hides_no_silence(
    dead_worker: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given one row that somebody has locked in psql, and forgotten."""
    monkeypatch.setattr(kept_in_database, "PATIENCE_SECONDS", 0.2)
    with locked("SELECT FROM failure_check_alarm FOR UPDATE"):
        before = Run.objects.get().watched_since
        turn(dead_worker, 4)
        assert Run.objects.get().watched_since == before
    turn(dead_worker, 2)
    assert ("stale:worker mail@a", "cleared") not in told()


def test_alarms_whose_rows_cannot_be_read_are_told_from_the_file(
    project: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_in_database, "PATIENCE_SECONDS", 0.2)
    watch = Watch("beat")
    turn(watch)
    project.problems = [problem()]
    with locked("LOCK TABLE failure_check_alarm"):
        turn(watch, 3)
        assert told() == [("tap", "raised")]
    turn(watch, 2)
    assert told() == [("tap", "raised")]
    assert Alarm.objects.get().name == "tap"


def test_a_machine_that_has_not_looked_for_long_clears_nothing_by_what_it_knew(
    project: Found, outage: Outage, settings: Any
) -> None:
    project.problems = [problem()]
    turn(Watch("relay"))
    kept = kept_in_file.read()
    old = replace(kept, at=kept.at - timedelta(days=1))
    project.problems = []
    turn(Watch("beat"))
    notified.clear()
    kept_in_file.write(old)
    outage.begin()
    turn(Watch("relay"), 2)
    assert told() == [("database_down", "raised")]


@contextmanager
def locked(statement: str) -> Iterator[None]:
    """Hold what a statement locks, in a session that does nothing else."""
    other = connections.create_connection("default")
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(statement)
        yield
    finally:
        other.rollback()
        other.close()


def test_where_the_database_goes_amid_a_run_the_file_knows_what_was_told(
    project: Found, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.problems = [problem()]
    project.wait = outage.begin
    watch = Watch("beat")
    turn(watch)
    assert ("tap", "raised") in told()
    assert kept_in_file.read().is_ahead
    project.wait = lambda: None
    outage.end()
    turn(watch, 2)
    assert told().count(("tap", "raised")) == 1
    assert Alarm.objects.get().name == "tap"


def test_the_monitor_outside_is_asked_while_all_is_clear(project: Found, settings: Any) -> None:
    watch = Watch("beat")
    with Web() as web:
        settings.FAILURE_CHECK_PING_URL = web.url
        turn(watch, 2)
        assert len(web.asked) == 2
        project.problems = [problem()]
        turn(watch, 2)
        assert len(web.asked) == 2
        project.problems = []
        turn(watch)
        assert len(web.asked) == 3


def test_a_monitor_or_gauge_that_fails_ends_no_run(project: Found, settings: Any) -> None:
    settings.FAILURE_CHECK_PING_URL = "http://127.0.0.1:1/"
    settings.FAILURE_CHECK_GAUGES = "no.such.gauge"
    watch = Watch("beat")
    turn(watch)
    project.problems = [problem()]
    turn(watch)
    assert told() == [("tap", "raised")]


def test_a_stuck_claim_is_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bounded._under_way == {}
    turn(Watch("beat"), 3)
    assert not [each for each in bounded._under_way.values() if each.is_alive()]


def test_amid_an_outage_a_machine_checks_once_a_period(
    project: Found, outage: Outage, settings: Any
) -> None:
    looks: list[int] = []
    project.wait = lambda: looks.append(1)
    outage.begin()
    settings.FAILURE_CHECK_PERIOD_SECONDS = 60
    beat, relay = Watch("beat"), Watch("relay", instead_of="beat")
    for _ in range(4):
        turn(beat)
        turn(relay)
    assert looks == [1]


def test_amid_an_outage_nobody_checks_while_another_process_does(
    project: Found, outage: Outage
) -> None:
    outage.begin()
    watch = Watch("beat")
    with kept_in_file.locked():
        turn(watch, 3)
    assert told() == []
    turn(watch)
    assert told() == [("database_down", "raised")]


def test_while_one_process_hands_an_outages_alarms_to_the_database_no_other_does(
    project: Found, outage: Outage
) -> None:
    outage.begin()
    turn(Watch("beat"), 2)
    outage.end()
    with kept_in_file.locked():
        run.adopt()
    assert not Alarm.objects.exists()
    run.adopt()
    assert Alarm.objects.get().name == "database_down"


def test_a_turn_that_breaks_ends_no_watching(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ends = iter([ZeroDivisionError, SystemExit])  # the second ends a thread

    def broken() -> None:
        raise next(ends)

    watch = Watch("beat")
    monkeypatch.setattr(watch, "turn", broken)
    with pytest.raises(SystemExit):
        watch._run()
    assert "The checks did not run; they are tried again." in caplog.text
