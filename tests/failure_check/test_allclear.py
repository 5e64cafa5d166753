"""`manage.py allclear` says how things are, whatever is dead."""

import json
import os
import signal
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.models import Alarm
from patterns.failure_check.models import Heartbeat as Row
from tests.failure_check.conftest import Found, Outage, notified, problem


def allclear(*options: str) -> tuple[int, str]:
    """Return the exit status and what was printed."""
    out = StringIO()
    try:
        call_command("allclear", *options, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_all_is_clear() -> None:
    assert allclear() == (0, "All clear!\n")
    status, printed = allclear("--json")
    assert status == 0
    assert json.loads(printed) == {"is_all_clear": True, "problems": [], "unasked": {}}


def test_each_problem_is_printed_with_what_to_do(project: Found) -> None:
    project.problems = [problem("tap"), problem("pipe", "critical")]
    assert allclear() == (
        1,
        "CRITICAL The pipe drips.\n    Turn it off.\nWARNING The tap drips.\n    Turn it off.\n",
    )
    status, printed = allclear("--json")
    assert status == 1
    assert [each["name"] for each in json.loads(printed)["problems"]] == ["pipe", "tap"]


def test_it_tells_nobody_and_changes_no_alarm(project: Found) -> None:
    project.problems = [problem()]
    allclear()
    assert notified == []
    assert not Alarm.objects.exists()


def test_with_the_database_away_it_says_so(outage: Outage) -> None:
    outage.begin()
    status, printed = allclear()
    assert status == 1
    assert printed.startswith("CRITICAL The database does not answer: ")


def test_what_could_not_be_asked_is_said_to_be_unknown(project: Found) -> None:
    def fail() -> None:
        raise ValueError("no such tap")

    project.wait = fail
    status, printed = allclear()
    assert status == 1
    assert "could not be made: ValueError: no such tap" in printed
    assert "\nNot known now: what tests.failure_check.conftest.check would find.\n" in printed


def test_with_the_database_away_nothing_is_forgotten(outage: Outage) -> None:
    outage.begin()
    with pytest.raises(CommandError, match="The database does not answer: "):
        allclear("--forget", "worker mail@a")


def test_ctrl_c_ends_it_as_a_shell_expects_while_a_check_hangs(project: Found) -> None:
    is_over = threading.Event()

    def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        is_over.wait()

    project.wait = hang
    try:
        assert allclear() == (130, "")
    except KeyboardInterrupt:
        pytest.fail("Ctrl-C went past it")  # it would end pytest
    finally:
        is_over.set()


def test_a_process_that_is_gone_for_good_is_forgotten() -> None:
    Heartbeat("worker mail@a", ["mail"]).write()
    assert allclear("--forget", "worker mail@a") == (0, "All clear!\n")
    assert not Row.objects.exists()
    with pytest.raises(CommandError, match="There is no heartbeat of 'worker mail@a'"):
        allclear("--forget", "worker mail@a")
