"""The log has a line a place, and no flood; the count has all, of all processes."""

import os
from typing import Any

import pytest

from patterns.external_contact import reporting
from patterns.external_contact.counting import SharedCount
from patterns.external_contact.reporting import MOST_PLACES, PERIOD_SECONDS, report


@pytest.fixture
def clock(monkeypatch: Any) -> list[float]:
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(reporting.time, "monotonic", lambda: now[0])
    return now


def test_a_place_is_told_once_a_period(clock: list[float], caplog: Any) -> None:
    for _ in range(3):
        report("A request contacts x:1 at views.py:1.", place="views.py:1")
    assert len(caplog.records) == 1
    assert caplog.messages[0].startswith(
        "A request contacts x:1 at views.py:1. Enqueue a task that does it. ("
    )
    clock[0] += PERIOD_SECONDS
    report("A request contacts x:1 at views.py:1.", place="views.py:1")
    assert len(caplog.records) == 2


def test_so_many_places_and_no_more(clock: list[float], caplog: Any) -> None:
    for number in range(MOST_PLACES + 5):
        report("A request contacts x:1.", place=str(number))
    assert len(caplog.records) == MOST_PLACES
    assert len(reporting._told_at) == MOST_PLACES


def test_every_contact_is_counted() -> None:
    before = reporting.contacts.total()
    for _ in range(3):
        report("A request contacts x:1.", place="one")
    assert reporting.contacts.total() == before + 3


def test_processes_that_are_forked_count_together_and_a_killed_one_loses_nothing() -> None:
    count = SharedCount()
    count.add()
    for _ in range(2):
        if (pid := os.fork()) == 0:
            count.add()
            os.kill(os.getpid(), 9)
        os.waitpid(pid, 0)
    assert count.total() == 3
