"""Each check is bounded in time and fails alone; without the database that is the problem."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from patterns.failure_check.looking import look
from tests.failure_check.conftest import Found, Outage, problem
from tests.failure_check.conftest import __name__ as HERE

CHECK = f"{HERE}.check"


def good() -> list[Any]:
    return [problem("roof")]


def test_all_is_clear() -> None:
    found = look()
    assert found.problems == {}
    assert CHECK in found.answered


def test_what_the_checks_find_is_known_by_its_name(project: Found) -> None:
    project.problems = [problem("tap"), problem("pipe")]
    assert list(look().problems) == ["tap", "pipe"]


def test_a_check_that_raises_is_a_problem_and_the_others_go_on(
    project: Found, settings: Any
) -> None:
    settings.FAILURE_CHECKS = (CHECK, f"{__name__}.good", "no.such.check")
    project.error = LookupError("no such tap")
    found = look()
    assert set(found.problems) == {f"check_failed:{CHECK}", "check_failed:no.such.check", "roof"}
    assert "LookupError: no such tap" in found.problems[f"check_failed:{CHECK}"][1].sentence
    assert set(found.unasked) == {CHECK, "no.such.check"}


@pytest.mark.parametrize("answer", ["The tap drips.", [{"name": "tap"}], None, [None]])
def test_a_check_that_returns_no_problems_is_one_and_the_others_go_on(
    answer: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{HERE}.check", lambda: answer)
    settings.FAILURE_CHECKS = (CHECK, f"{__name__}.good")
    found = look()
    assert set(found.problems) == {f"check_failed:{CHECK}", "roof"}
    assert "TypeError" in found.problems[f"check_failed:{CHECK}"][1].sentence


def test_a_check_that_hangs_is_a_problem_and_the_others_go_on(
    project: Found, settings: Any
) -> None:
    gate = threading.Event()
    project.wait = lambda: gate.wait(60)
    settings.FAILURE_CHECKS = (CHECK, f"{__name__}.good")
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 2
    began = time.monotonic()
    found = look()
    gate.set()
    assert time.monotonic() - began < 30
    assert set(found.problems) == {f"check_failed:{CHECK}", "roof"}


def test_without_the_database_that_is_the_one_problem(
    outage: Outage, project: Found, settings: Any
) -> None:
    outage.begin()
    settings.FAILURE_CHECKS = (CHECK, f"{__name__}.good")
    project.error = OperationalError("away")
    found = look()
    assert set(found.problems) == {"database_down", "roof"}
    assert found.unasked == {CHECK: "away."}


def test_a_database_that_is_frozen_is_given_up(project: Found, settings: Any) -> None:
    settings.FAILURE_CHECK_TIMEOUT_SECONDS = 4
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        folder = Path(cursor.fetchone()[0])
    server = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGSTOP)  # it takes connections, and says nothing
    try:
        began = time.monotonic()
        found = look()
        assert time.monotonic() - began < 30
    finally:
        os.kill(server, signal.SIGCONT)
    assert set(found.problems) == {"database_down"}


def test_before_migrate_the_remedy_is_to_migrate(project: Found) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE failure_check_run RENAME TO put_aside")
    try:
        found = look()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE put_aside RENAME TO failure_check_run")
    _, problem = found.problems["database_down"]
    assert "manage.py migrate" in problem.remedy


def test_with_the_database_a_check_that_it_refuses_is_a_problem(project: Found) -> None:
    project.error = OperationalError("too slow")
    assert set(look().problems) == {f"check_failed:{CHECK}"}
