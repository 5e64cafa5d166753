"""Who gives no sign of life is found; what nobody watched is no silence."""

from collections.abc import Iterable

import pytest
from django.db import connection

from patterns.failure_check import heartbeats, kept_in_database
from patterns.failure_check.heartbeats import Heartbeat, duration
from patterns.failure_check.models import Heartbeat as Row
from tests.failure_check.conftest import Outage


@pytest.fixture(autouse=True)
def watched(settings: object) -> None:
    """The checks have run for an hour."""
    kept_in_database.claim("test", "", 20)
    age("failure_check_run", "watched_since", 3600)


def age(table: str, column: str, seconds: float, name: str = "") -> None:
    where = "WHERE name = %s" if name else "WHERE %s = ''"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = {column} - make_interval(secs => %s) {where}",
            [seconds, name],
        )


def names() -> list[str]:
    return [problem.name for problem in heartbeats.silent()]


def write(*heartbeats: tuple[str, Iterable[str]]) -> None:
    for name, queues in heartbeats:
        Heartbeat(name, queues).write()


def test_a_process_that_must_run_and_was_never_seen_is_missing() -> None:
    assert names() == ["stale:beat"]


def test_one_that_lives_is_not() -> None:
    write(("beat", ()))
    assert names() == []


def test_one_that_is_silent_for_too_long_is() -> None:
    write(("beat", ()))
    age("failure_check_heartbeat", "at", 21, "beat")
    [problem] = heartbeats.silent()
    assert problem.name == "stale:beat"
    assert "was last seen at" in problem.sentence


def test_a_sign_from_before_the_clock_was_set_back_hides_no_silence() -> None:
    write(("beat", ()))
    age("failure_check_heartbeat", "at", -3600)
    assert names() == ["stale:beat"]
    age("failure_check_run", "watched_since", -3600 + 1)
    assert names() == []


def test_silence_before_the_watching_began_is_not_counted() -> None:
    age("failure_check_run", "watched_since", -3600 + 1)
    write(("beat", ()), ("worker mail@a", ["mail"]))
    age("failure_check_heartbeat", "at", 3600)
    assert names() == []


def test_a_worker_that_stopped_answering_is_named_with_its_queues() -> None:
    write(("beat", ()), ("worker mail@a", ["mail", "default"]))
    age("failure_check_heartbeat", "at", 21, "worker mail@a")
    [problem] = heartbeats.silent()
    assert problem.name == "stale:worker mail@a"
    assert "of mail, default stopped answering" in problem.sentence
    assert heartbeats.served_queues() == set()


def test_one_whose_queues_a_newer_worker_serves_is_forgotten() -> None:
    write(("beat", ()), ("worker mail@a", ["mail"]))
    age("failure_check_heartbeat", "at", 60, "worker mail@a")
    write(("worker mail@b", ["mail", "default"]))
    assert names() == []
    assert set(Row.objects.values_list("name", flat=True)) == {"beat", "worker mail@b"}


def test_one_beside_which_another_ran_already_is_not_replaced_by_it() -> None:
    write(("beat", ()), ("worker mail@a", ["mail"]), ("worker mail@b", ["mail"]))
    age("failure_check_heartbeat", "started_at", 600)
    age("failure_check_heartbeat", "at", 60, "worker mail@a")
    assert names() == ["stale:worker mail@a"]
    assert heartbeats.served_queues() == {"mail"}


def test_one_that_ends_in_order_leaves_nothing() -> None:
    heartbeat = Heartbeat("worker mail@a", ["mail"])
    heartbeat.write()
    heartbeat.end()
    assert not Row.objects.exists()


def test_it_is_written_no_more_often_than_needed() -> None:
    heartbeat = Heartbeat("beat")
    heartbeat.write()
    age("failure_check_heartbeat", "at", 10)
    before = Row.objects.get().at
    heartbeat.write()
    assert Row.objects.get().at == before


def test_a_database_that_is_away_ends_no_loop(outage: Outage) -> None:
    outage.begin()
    Heartbeat("beat").write()


def test_that_nobody_checks_is_found_by_whoever_asks() -> None:
    write(("beat", ()))
    age("failure_check_run", "at", 300)
    [problem] = heartbeats.silent()
    assert problem.name == "unwatched"
    assert "ran 5 min ago" in problem.sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_a_duration_is_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
