"""A beat that is told to end does so in time, and in order where it can."""

import signal
import threading

from patterns.durable_tasks.ending import end_in_time
from tests.durable_tasks.conftest import Start
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


def test_it_ends_in_order_where_nothing_handled_the_signal_before(start: Start) -> None:
    code = TOLD_TO_END.format(before="signal.SIG_DFL", patience=IN_TIME, rollback=0)
    process = start("-c", code)
    eventually(lambda: "runs" in process.words)
    process.process.terminate()
    assert process.process.wait(60) == 0
    assert "is back" in process.words


def test_it_ends_as_its_own_handler_ends_it(start: Start) -> None:
    code = TOLD_TO_END.format(before="lambda *_: sys.exit(7)", patience=IN_TIME, rollback=0)
    process = start("-c", code)
    eventually(lambda: "runs" in process.words)
    process.process.terminate()
    assert process.process.wait(60) == 7


def test_it_does_not_wait_for_a_database_that_is_frozen(start: Start) -> None:
    process = start("-c", TOLD_TO_END.format(before="signal.SIG_DFL", patience=1, rollback=600))
    eventually(lambda: "runs" in process.words)
    process.process.terminate()
    assert process.process.wait(60) == 0
    assert "rolls back" in process.words
    assert "is back" not in process.words


def test_where_a_thread_begins_it_the_signal_is_left_as_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=end_in_time)  # which may not handle signals
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
