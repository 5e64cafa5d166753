"""The smallest app with the pattern: its tasks write down each run in the file RECORD."""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery

from patterns.retrying_task import PermanentError, RetryingTask, TransientError

app = Celery("retrying", task_cls="patterns.retrying_task:RetryingTask", set_as_current=False)
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    broker_transport_options={
        "visibility_timeout": float(os.environ.get("VISIBILITY_TIMEOUT_SECONDS", "3600")),
        # kombu looks for what has come back once in this many polls; ten seconds by default.
        "unacked_restore_limit": 10,
        "socket_connect_timeout": 1,
        "socket_timeout": 2,
        "max_retries": 1,
        "interval_start": 0,
    },
    broker_connection_timeout=1,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_default_queue="lane",
    task_ignore_result=True,
    task_acks_late=True,
    task_retry_on_worker_lost=True,
    worker_prefetch_multiplier=1,
)


def write(line: str) -> None:
    """Add a line to the record."""
    with Path(os.environ["RECORD"]).open("a", encoding="utf-8") as record:
        record.write(f"{line}\n")


@app.task(name="succeed", shared=False)
def succeed(word: str = "succeeded") -> None:
    """Run."""
    write(word)


@app.task(name="pass_later", bind=True, backoff_base_seconds=0.2, shared=False)
def pass_later(self: RetryingTask, failures: int) -> None:
    """Fail with a transient error until the attempt number `failures`."""
    write(f"attempt {self.request.retries}")
    if self.request.retries < failures:
        raise ConnectionResetError


@app.task(name="fail_for_ever", bind=True, max_retries=2, backoff_base_seconds=0.1, shared=False)
def fail_for_ever(self: RetryingTask) -> None:
    """Fail each time."""
    write(f"attempt {self.request.retries}")
    raise TransientError("still away")


@app.task(name="fail_at_once", shared=False)
def fail_at_once(kind: str) -> None:
    """Fail in a way that waiting cannot cure."""
    write(f"attempt {kind}")
    errors: dict[str, BaseException] = {
        "bug": KeyError("a bug"),
        "permanent": PermanentError("declined"),
        "exit": SystemExit(3),
        "memory": MemoryError("no more"),
    }
    raise errors[kind]


@app.task(name="ask_again", bind=True, max_retries=1, backoff_base_seconds=0.1, shared=False)
def ask_again(self: RetryingTask) -> None:
    """Retry by hand, without a countdown."""
    write(f"attempt {self.request.retries}")
    if self.request.retries == 0:
        raise self.retry()


@app.task(name="kill_process", default_retry_delay=0.1, shared=False)
def kill_process() -> None:
    """End the process as the kernel's out-of-memory killer does."""
    write(f"process {os.getpid()}")
    os.kill(os.getpid(), 9)


@app.task(name="sleep", soft_time_limit=90, time_limit=120, shared=False)
def sleep(file: str) -> None:
    """Take as long as a file is not there."""
    write("asleep")
    while not Path(file).exists():
        time.sleep(0.05)
    write("awake")


@app.task(name="overrun", soft_time_limit=1, time_limit=20, shared=False)
def overrun() -> None:
    """Take longer than the soft limit."""
    write("asleep")
    time.sleep(60)


@app.task(name="await_file_then_fail", bind=True, backoff_base_seconds=0.1, shared=False)
def await_file_then_fail(self: RetryingTask, file: str) -> None:
    """Wait for a file, then fail once with a transient error."""
    write(f"attempt {self.request.retries}")
    while not Path(file).exists():
        time.sleep(0.05)
    if "failed once" not in Path(os.environ["RECORD"]).read_text(encoding="utf-8"):
        write("failed once")
        raise ConnectionError("away")
    write("succeeded")


def client(url: str) -> Any:
    """Return an app that publishes to the broker at `url` with the settings above."""
    publisher = Celery("client", set_as_current=False)
    publisher.conf.update(
        {
            name: app.conf[name]
            for name in (
                "broker_transport_options",
                "broker_connection_timeout",
                "task_publish_retry_policy",
                "task_default_queue",
                "task_ignore_result",
            )
        },
        broker_url=url,
    )
    return publisher
