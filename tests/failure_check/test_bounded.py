"""What hangs is waited for so long, once, and holds up nothing else."""

import sys
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from patterns.failure_check.bounded import Attempt, TookTooLong, in_time, line

LONG = 60.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_it_returns_what_the_function_does() -> None:
    assert in_time("sum", lambda: 3, LONG) == 3


def test_it_raises_what_the_function_does() -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        in_time("fail", fail, LONG)


def test_what_hangs_is_given_up_and_not_begun_again(gate: threading.Event) -> None:
    begun = []

    def hang() -> None:
        begun.append(1)
        gate.wait(LONG)

    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(TookTooLong, match="hang does not answer"):
            in_time("hang", hang, 0.1)
        assert time.monotonic() - started < LONG / 2
    assert begun == [1]


def test_what_hung_is_begun_again_once_it_has_ended(gate: threading.Event) -> None:
    attempt = Attempt("hang", lambda: gate.wait(LONG))
    with pytest.raises(TookTooLong):
        attempt.result(0.1)
    gate.set()
    attempt._thread.join(LONG)
    assert in_time("hang", lambda: "back", LONG) == "back"


def test_it_has_a_connection_of_its_own_and_closes_it() -> None:
    def ask() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    theirs = in_time("ask", ask, LONG)
    assert theirs != ask()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state <> ''", [0])
    assert connection.connection is not None


def test_an_error_is_one_line() -> None:
    assert line(ValueError("one\n  two.")) == "one two."
    assert line(ValueError()) == "ValueError."


def test_one_that_would_end_the_process_fails() -> None:
    with pytest.raises(RuntimeError, match=r"check raised SystemExit\('no tap'\)"):
        in_time("check", lambda: sys.exit("no tap"), LONG)
