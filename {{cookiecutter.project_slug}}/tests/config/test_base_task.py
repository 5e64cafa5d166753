"""The base task: published after the commit, refused at once where it is wrong."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import chain, group
from django.db import InterfaceError, OperationalError, connection, transaction
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis

from config.base_task import ShopTask
from config.celery import app
from patterns.queues import QueueNotDeclared


@pytest.fixture
def task() -> Iterator[Any]:
    """Define a task for the time of the test."""

    @app.task(name="tests.body", queue="admin", shared=False)
    def body(number: int = 0) -> None: ...

    yield body
    app.tasks.pop("tests.body", None)


@pytest.fixture
def waiting(broker_url: str) -> Iterator[Callable[[str], int]]:
    """Give a function that counts a queue's messages."""
    with Redis.from_url(broker_url) as broker:

        def count(queue: str = "admin") -> int:
            return int(str(broker.llen(queue)))

        yield count


@pytest.mark.django_db(transaction=True)
def test_a_task_waits_for_the_commit(task: Any, waiting: Callable[..., int]) -> None:
    with transaction.atomic():
        result = task.delay(1)
        assert waiting() == 0
    assert waiting() == 1
    assert result.id


@pytest.mark.django_db(transaction=True)
def test_a_task_enqueued_in_a_transaction_that_rolls_back_never_runs(
    task: Any, waiting: Callable[..., int]
) -> None:
    with transaction.atomic():
        task.delay(1)
        transaction.set_rollback(True)
    with transaction.atomic():
        with transaction.atomic():
            task.delay(2)
            transaction.set_rollback(True)
        task.delay(3)
    assert waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_chains_groups_and_countdowns_wait_for_the_commit_too(
    task: Any, waiting: Callable[..., int]
) -> None:
    with transaction.atomic():
        chain(task.si(1), task.si(2))()
        group(task.si(3), task.si(4))()
        task.apply_async((5,), countdown=1)
        task.s(6).apply_async()
        assert waiting() == 0
    assert waiting() == 5  # the chain's second task is sent by its first


@pytest.mark.django_db(transaction=True)
def test_arguments_are_those_of_the_call_not_of_the_commit(
    task: Any, waiting: Callable[..., int], broker_url: str
) -> None:
    numbers = [1]
    with transaction.atomic():
        task.delay(numbers)
        numbers.append(2)
    with app.connection_for_read() as broker:
        message = broker.SimpleQueue("admin").get_nowait()
        assert message.decode()[0] == [[1]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("enqueue", "error"),
    [
        (lambda task: task.apply_async((1,), queue="mial"), QueueNotDeclared),
        (lambda task: task.delay(1, 2, 3), TypeError),
        (lambda task: task.delay(object()), TypeError),
    ],
    ids=["queue", "number of arguments", "not JSON"],
)
def test_what_is_wrong_is_said_to_the_caller_before_the_commit(
    task: Any, waiting: Callable[..., int], enqueue: Callable[[Any], object], error: type[Exception]
) -> None:
    with transaction.atomic(), pytest.raises(error):
        enqueue(task)
    assert waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_a_refused_queue_is_named_and_the_declared_ones_too(task: Any) -> None:
    with pytest.raises(QueueNotDeclared, match=r"tests\.body.*'mial'.*default, mail, purchasing"):
        task.apply_async(queue="mial")


@pytest.mark.parametrize(
    "when",
    [
        {"countdown": 7200},
        {"eta": datetime.now(UTC) + timedelta(hours=2)},
        {"eta": datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=2)},
    ],
    ids=["countdown", "eta", "naive eta"],
)
def test_what_the_broker_would_hand_out_again_while_it_waits_is_refused(
    task: Any, when: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"tests\.body is to wait 7\d\d\d s.*Let beat enqueue it"):
        task.apply_async(**when)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_after_the_commit_disturbs_nobody_and_is_logged(
    task: Any, refusing_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    after: list[str] = []
    started = time.monotonic()
    with caplog.at_level(logging.ERROR), transaction.atomic():
        result = task.delay(1)
        transaction.on_commit(lambda: after.append("the next callback"))
    assert time.monotonic() - started < 2
    assert after == ["the next callback"]
    assert f"Task tests.body[{result.id}] is lost" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_is_said_to_the_caller_where_no_transaction_is_open(
    task: Any, refusing_broker: None
) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerError):
        task.delay(1)
    assert time.monotonic() - started < 2


@pytest.fixture
def refusing_broker(broker_url: str) -> None:
    """Stop the test's own broker."""
    with Redis.from_url(broker_url) as broker:
        broker.shutdown(nosave=True)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("deadlock detected"),
        InterfaceError("connection already closed"),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("no"),
    ],
    ids=repr,
)
def test_what_database_and_network_get_over_is_transient(error: Exception) -> None:
    assert ShopTask().is_transient(error)


@pytest.mark.parametrize("error", [httpx.UnsupportedProtocol("htp://"), KeyError()], ids=repr)
def test_a_wrong_address_and_a_bug_are_permanent(error: Exception) -> None:
    assert not ShopTask().is_transient(error)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"queue": "mial"}, "'mial', which is not declared"), ({}, "names no queue")],
    ids=["undeclared", "none"],
)
def test_a_task_without_a_declared_queue_cannot_be_defined(
    options: dict[str, str], complaint: str
) -> None:
    def body() -> None: ...

    define: Any = app.task(name="tests.stray", shared=False, **options)  # type: ignore[call-overload]
    try:
        with pytest.raises(QueueNotDeclared, match=complaint):
            str(define(body).name)
    finally:
        app.tasks.pop("tests.stray")  # Celery registers a task before it binds it


@pytest.mark.usefixtures("broker_url")
def test_a_retry_inside_a_transaction_is_published_although_that_rolls_back(
    celery_worker_process: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    environment = {"RUNS": str(runs), "PYTHONPATH": str(Path(__file__).parent)}
    celery_worker_process("admin", app="retrying_in_a_transaction", env=environment)
    app.send_task("tests.fail_once_in_a_transaction", queue="admin")
    deadline = time.monotonic() + 60
    while not runs.exists() or runs.read_text() != "failed\nsucceeded\n":
        assert time.monotonic() < deadline, runs.read_text() if runs.exists() else "never ran"
        time.sleep(0.05)
    assert connection.vendor == "postgresql"
