"""A beat that is told to end does so in time, and in order where it can."""

import signal
import threading

from patterns.durable_tasks.ending import end_in_time
from tests.durable_tasks.conftest import Process, Start
from tests.servers import eventually

TOLD_TO_END = """
import signal, sys, time
from patterns.durable_tasks.ending import end_in_time

signal.signal(signal.SIGTERM, {before})
end_in_time({patience})
print("runs", flush=True)
try:
    time.sleep(600)
finally:
    print("rolls back", flush=True)
    time.sleep({rollback})
    print("is back", flush=True)
"""
IN_TIME = 300  # for a busy machine: what is not to be waited for takes longer


def told_to_end(start: Start, *, before: str, patience: int, rollback: int) -> Process:
    """Return a process that has been told to end while its block was at work."""
    code = TOLD_TO_END.format(before=before, patience=patience, rollback=rollback)
    process = start("-c", code)
    eventually(lambda: process.has_said("runs"))
    process.process.terminate()
    return process


def test_it_ends_in_order_where_nothing_handled_the_signal_before(start: Start) -> None:
    process = told_to_end(start, before="signal.SIG_DFL", patience=IN_TIME, rollback=0)
    assert process.end(60) == 0
    assert "is back" in process.words


def test_it_ends_as_its_own_handler_ends_it(start: Start) -> None:
    before = "lambda *_: sys.exit(7)"
    assert told_to_end(start, before=before, patience=IN_TIME, rollback=0).end(60) == 7


def test_it_does_not_wait_for_a_database_that_is_frozen(start: Start) -> None:
    process = told_to_end(start, before="signal.SIG_DFL", patience=1, rollback=600)
    assert process.end(60) == 0
    assert "rolls back" in process.words
    assert "is back" not in process.words


def test_a_thread_leaves_the_processs_handlers_as_they_are() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=end_in_time)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
