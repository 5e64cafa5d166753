"""What is told of, when, to whom: raised once, reminded daily, cleared once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from patterns.failure_check.records import Found, Records, advance
from tests.failure_check.conftest import problem

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = 86_400.0


def see(records: Records, *names: str, at: float = 0, severity: Any = "warning") -> dict[str, str]:
    """Advance, and tell both paths what they are owed; return the events by "name path"."""
    found = Found(problems={name: ("taps", problem(name, severity)) for name in names})
    found.answered.add("taps")
    advance(records, found, NOW + timedelta(seconds=at), ["mail", "log"], DAY)
    return take(records, "mail", "log")


def take(records: Records, *paths: str) -> dict[str, str]:
    told = {}
    for record in records.values():
        for path in paths:
            if path in record.owed:
                told[f"{record.name} {path}"] = record.notice(path).event
                record.was_told(path)
    return told


def test_a_problem_is_told_once_by_each_path() -> None:
    records: Records = {}
    assert see(records, "tap") == {"tap mail": "raised", "tap log": "raised"}
    assert see(records, "tap", at=60) == {}


def test_it_is_told_again_after_a_day_and_not_before() -> None:
    records: Records = {}
    see(records, "tap")
    assert see(records, "tap", at=DAY - 1) == {}
    assert see(records, "tap", at=DAY) == {"tap mail": "reminded", "tap log": "reminded"}
    assert see(records, "tap", at=DAY + 60) == {}


def test_when_it_is_gone_that_is_told_once_and_it_is_over() -> None:
    records: Records = {}
    see(records, "tap")
    assert see(records, at=60) == {"tap mail": "cleared", "tap log": "cleared"}
    assert records["tap"].is_over
    assert see(records, at=120) == {}


def test_one_that_comes_back_is_a_new_one() -> None:
    records: Records = {}
    see(records, "tap")
    see(records, at=60)
    assert see(records, "tap", at=120)["tap mail"] == "raised"
    assert records["tap"].raised_at == NOW + timedelta(seconds=120)


def test_one_that_becomes_critical_is_told_anew() -> None:
    records: Records = {}
    see(records, "tap")
    assert see(records, "tap", at=60, severity="critical")["tap mail"] == "reminded"
    assert see(records, "tap", at=120, severity="warning") == {}


def test_a_path_that_was_not_told_of_it_is_not_told_that_it_is_gone() -> None:
    records: Records = {}
    found = Found(problems={"tap": ("taps", problem())}, answered={"taps"})
    advance(records, found, NOW, ["mail", "log"], DAY)
    assert take(records, "log") == {"tap log": "raised"}
    assert see(records, at=60) == {"tap log": "cleared"}
    assert records["tap"].is_over


def test_one_that_comes_back_before_its_end_was_told_has_not_been_away() -> None:
    records: Records = {}
    see(records, "tap")
    advance(records, Found(answered={"taps"}), NOW, ["mail", "log"], DAY)
    assert take(records, "log") == {"tap log": "cleared"}  # the mail server is away
    assert see(records, "tap", at=60) == {"tap log": "raised"}


def test_what_a_check_found_holds_while_it_cannot_be_asked() -> None:
    records: Records = {}
    see(records, "tap")
    advance(records, Found(unasked={"taps": "away"}), NOW, ["mail"], DAY)
    assert records["tap"].cleared_at is None


def test_what_a_problem_hides_holds_until_that_is_gone() -> None:
    records: Records = {}
    see(records, "tap", "pipe")
    hiding = replace(problem("flood"), hides=("tap\n",))  # a name is one line, here too
    found = Found(problems={"flood": ("taps", hiding)}, answered={"taps"})
    advance(records, found, NOW, ["mail"], DAY)
    assert take(records, "mail") == {"pipe mail": "cleared", "flood mail": "raised"}
    assert see(records, at=60)["tap mail"] == "cleared"


def test_what_a_check_found_that_is_configured_no_more_is_gone() -> None:
    records: Records = {}
    see(records, "tap")
    advance(records, Found(answered={"others"}), NOW, ["mail", "log"], DAY)
    assert take(records, "mail") == {"tap mail": "cleared"}
