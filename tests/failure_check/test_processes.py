"""Who gives no sign of life is found; what nobody watched is no silence."""

from collections.abc import Iterable

import pytest

from patterns.failure_check import kept_in_database, processes
from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.models import Heartbeat as Row
from tests.failure_check.conftest import age


@pytest.fixture(autouse=True)
def watched(settings: object) -> None:
    """The checks have run for an hour."""
    kept_in_database.claim("test", "", 20)
    age("failure_check_run", "watched_since", 3600)


def names() -> list[str]:
    return [problem.name for problem in processes.silent()]


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
    [problem] = processes.silent()
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
    [problem] = processes.silent()
    assert problem.name == "stale:worker mail@a"
    assert "of mail, default stopped answering" in problem.sentence


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


def test_that_nobody_checks_is_found_by_whoever_asks() -> None:
    write(("beat", ()))
    age("failure_check_run", "at", 300)
    [problem] = processes.silent()
    assert problem.name == "unwatched"
    assert "ran 5 min ago" in problem.sentence
