"""The retrying task in real workers, on a real broker that goes away."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from tests.retrying_task.retrying_servers import Broker, Worker, eventually

StartWorker = Callable[..., Worker]


@pytest.fixture
def send(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Give a function that publishes a task by name."""
    monkeypatch.setenv("BROKER_URL", broker.url)
    from tests.retrying_task.retrying_app import client

    app = client(broker.url)

    def publish(name: str, *args: object) -> object:
        return app.send_task(name, args=args)

    return publish


Send = Callable[..., object]


def test_a_transient_error_is_retried_until_it_has_passed(
    start_worker: StartWorker, send: Send
) -> None:
    worker = start_worker()
    send("pass_later", 3)
    worker.wait_for_log("succeeded in")
    assert worker.lines() == ["attempt 0", "attempt 1", "attempt 2", "attempt 3"]


def test_retries_that_are_used_up_end_in_the_error_itself(
    start_worker: StartWorker, send: Send
) -> None:
    worker = start_worker()
    send("fail_for_ever")
    worker.wait_for_log("raised unexpected: TransientError('still away')")
    assert worker.lines() == ["attempt 0", "attempt 1", "attempt 2"]


def test_what_cannot_pass_fails_at_once_and_the_process_lives(
    start_worker: StartWorker, send: Send
) -> None:
    worker = start_worker()
    for kind in ("bug", "permanent", "exit", "memory"):
        send("fail_at_once", kind)
    send("succeed")
    worker.wait_for_log("succeeded in")
    assert worker.logged("raised unexpected", times=4)
    assert not worker.logged("WorkerLostError")
    assert worker.lines() == [
        "attempt bug",
        "attempt permanent",
        "attempt exit",
        "attempt memory",
        "succeeded",
    ]


def test_a_retry_asked_for_by_hand_backs_off(start_worker: StartWorker, send: Send) -> None:
    worker = start_worker()
    send("ask_again")
    worker.wait_for_log("succeeded in")
    assert worker.lines() == ["attempt 0", "attempt 1"]


def test_a_task_that_kills_its_process_runs_three_times_in_all(
    start_worker: StartWorker, send: Send
) -> None:
    worker = start_worker()
    send("kill_process")
    worker.wait_for_log("It has crashed 3 processes.")
    send("succeed")
    worker.wait_for_log("succeeded in")
    crashes = [line for line in worker.lines() if line.startswith("process")]
    assert len(set(crashes)) == len(crashes) == 3


def test_a_task_past_its_soft_limit_fails_and_is_not_retried(
    start_worker: StartWorker, send: Send
) -> None:
    worker = start_worker()
    send("overrun")
    worker.wait_for_log("raised unexpected: SoftTimeLimitExceeded")
    assert worker.lines() == ["asleep"]


def test_a_stopped_worker_hands_back_what_it_runs(
    start_worker: StartWorker, send: Send, tmp_path: Path, broker: Broker
) -> None:
    remapped = {"REMAP_SIGTERM": "SIGQUIT"}
    worker = start_worker(**remapped)
    send("sleep", str(tmp_path / "wake"))
    eventually(worker.lines)
    # Until it has heard of its child that the task has begun, Celery's cold shutdown does not
    # cancel it, and waits for its end.
    eventually(lambda: active(broker), "the task among the worker's active ones")
    # To the whole group, as honcho and systemd do: the child must not take it for its own.
    os.killpg(worker.process.pid, signal.SIGTERM)
    worker.process.wait(60)
    assert not worker.logged("WorkerLostError")
    (tmp_path / "wake").touch()
    second = start_worker(**remapped)
    second.wait_for_log("succeeded in")
    assert second.lines() == ["asleep", "asleep", "awake"]


def active(broker: Broker) -> list[object]:
    """Return what the worker on a broker says that it runs."""
    from tests.retrying_task.retrying_app import client

    answers = client(broker.url).control.inspect(timeout=2).active() or {}
    return [task for tasks in answers.values() for task in tasks]


def stopped(broker: Broker) -> None:
    broker.stop()
    time.sleep(3)  # for the publication of the retry to fail; the test holds if it has not
    broker.start()


def frozen(broker: Broker) -> None:
    broker.freeze()
    time.sleep(6)
    broker.thaw()


def full(broker: Broker) -> None:
    with redis.Redis(port=broker.port) as client:
        client.config_set("maxmemory", 1)
        time.sleep(3)
        client.config_set("maxmemory", 0)


@pytest.mark.parametrize("outage", [stopped, frozen, full])
def test_a_retry_that_the_broker_could_not_take_is_not_lost(
    outage: Callable[[Broker], None],
    start_worker: StartWorker,
    send: Send,
    broker: Broker,
    tmp_path: Path,
) -> None:
    worker = start_worker(VISIBILITY_TIMEOUT_SECONDS="3")
    send("await_file_then_fail", str(tmp_path / "broker-is-away"))
    eventually(worker.lines)
    begin = threading.Timer(0.5, (tmp_path / "broker-is-away").touch)
    begin.start()
    outage(broker)
    eventually(lambda: is_kept_running(worker).lines()[-1] == "succeeded", "the second attempt")


def is_kept_running(worker: Worker) -> Worker:
    """Start it again where it has ended, sooner or later: a full broker does that to a worker."""
    if worker.process.poll() is not None:
        worker.start()
    return worker


def test_a_worker_comes_back_with_its_broker(
    start_worker: StartWorker, send: Send, broker: Broker
) -> None:
    worker = start_worker()
    broker.stop()
    worker.wait_for_log("Cannot connect to", times=2)
    broker.start()
    send("succeed")
    eventually(lambda: worker.lines() == ["succeeded"])


def test_to_publish_to_a_refusing_broker_fails_soon(send: Send, broker: Broker) -> None:
    broker.stop()
    started = time.monotonic()
    with pytest.raises(OperationalError):
        send("succeed")
    assert time.monotonic() - started < 30  # of which a busy machine takes most
    broker.start()


def test_to_publish_to_a_frozen_broker_fails_within_seconds(send: Send, broker: Broker) -> None:
    send("succeed")
    broker.freeze()
    started = time.monotonic()
    with pytest.raises(OperationalError):
        send("succeed")
    waited = time.monotonic() - started
    broker.thaw()
    assert waited < 30
