"""The base task: a row in the caller's transaction, refused at once where it is wrong."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import chain, group
from django.db import InterfaceError, OperationalError, transaction
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis

from config.base_task import ShopTask
from config.celery import app
from development.testing import enqueued
from patterns.durable_tasks.models import State, TaskRow
from patterns.queues import QueueNotDeclared


@pytest.fixture
def task() -> Iterator[Any]:
    """Define a task for the time of the test."""
    yield from defined(durable=True)


@pytest.fixture
def plain_task() -> Iterator[Any]:
    """Define a task that is an ordinary one of Celery's."""
    yield from defined(durable=False)


def defined(**options: Any) -> Iterator[Any]:
    @app.task(name="tests.body", queue="admin", shared=False, **options)
    def body(number: int = 0) -> None: ...

    yield body
    app.tasks.pop("tests.body", None)


@pytest.fixture
def published(broker_url: str) -> Iterator[Callable[[], int]]:
    """Give a function that counts the messages of queue admin."""
    with Redis.from_url(broker_url) as broker:
        yield lambda: int(str(broker.llen("admin")))


@pytest.mark.django_db(transaction=True)
def test_a_task_is_there_with_the_commit_and_not_with_a_rollback(task: Any) -> None:
    with transaction.atomic():
        task.delay(1)
        transaction.set_rollback(True)
    assert enqueued("admin") == 0
    with transaction.atomic():
        with transaction.atomic():
            task.delay(2)
            transaction.set_rollback(True)
        kept = task.delay(3)
    assert str(TaskRow.objects.get().id) == kept.id


@pytest.mark.django_db(transaction=True)
def test_chains_groups_and_names_are_rows_of_the_transaction_too(task: Any) -> None:
    def all_of_them() -> None:
        chain(task.si(1), task.si(2))()
        group(task.si(3), task.si(4))()
        task.s(5).apply_async()
        app.send_task("tests.body", (6,))

    with transaction.atomic():
        all_of_them()
        transaction.set_rollback(True)
    assert enqueued("admin") == 0
    all_of_them()
    assert enqueued("admin") == 5  # the chain's second task is enqueued by its first


@pytest.mark.django_db(transaction=True)
def test_a_task_of_next_week_waits_in_the_database(task: Any) -> None:
    task.apply_async((1,), countdown=7 * 24 * 3600)
    assert TaskRow.objects.get().state == State.SCHEDULED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("enqueue", "error"),
    [
        (lambda task: task.apply_async((1,), queue="mial"), QueueNotDeclared),
        (lambda task: task.delay(1, 2, 3), TypeError),
        (lambda task: task.delay(object()), (TypeError, ValueError)),
    ],
    ids=["queue", "number of arguments", "not JSON"],
)
def test_what_is_wrong_is_said_to_the_caller_and_its_transaction_goes_on(
    task: Any, enqueue: Callable[[Any], object], error: type[Exception]
) -> None:
    with transaction.atomic():
        with pytest.raises(error):
            enqueue(task)
        task.delay(1)
    assert enqueued("admin") == 1


def test_a_refused_queue_is_named_and_the_declared_ones_too(task: Any) -> None:
    with pytest.raises(QueueNotDeclared, match=r"tests\.body.*'mial'.*default, mail, purchasing"):
        task.apply_async(queue="mial")


@pytest.fixture(params=["refuses", "is frozen"])
def broken_broker(broker_url: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """Break the test's own broker."""
    with Redis.from_url(broker_url) as broker:
        process_id = int(broker.info("server")["process_id"])
        if request.param == "refuses":
            broker.shutdown(nosave=True)
        else:
            os.kill(process_id, signal.SIGSTOP)
    yield
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGCONT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broken_broker")
def test_whoever_enqueues_neither_waits_for_a_broken_broker_nor_loses_anything(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    with transaction.atomic():
        task.delay(1)
    task.delay(2)
    app.send_task("tests.body", (3,))
    assert asked == []  # psycopg connects by no socket of Python's
    assert enqueued("admin") == 3


@pytest.mark.django_db(transaction=True)
def test_a_plain_task_is_a_message_and_no_row(
    plain_task: Any, published: Callable[[], int]
) -> None:
    plain_task.delay(1)
    assert (published(), enqueued("admin")) == (1, 0)
    with transaction.atomic():
        plain_task.delay_on_commit(2)
        assert published() == 1
    assert published() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("broken_broker")
def test_a_broken_broker_is_said_to_the_caller_of_a_plain_task(plain_task: Any) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerError):
        plain_task.delay(1)
    assert time.monotonic() - started < 15  # 3 on an idle machine; Celery's own way takes 40


@pytest.mark.parametrize(
    "when",
    [
        {"countdown": 7200},
        {"eta": datetime.now(UTC) + timedelta(hours=2)},
        {"eta": datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=2)},
    ],
    ids=["countdown", "eta", "naive eta"],
)
def test_a_plain_task_that_the_broker_would_hand_out_again_while_it_waits_is_refused(
    plain_task: Any, when: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"tests\.body is to wait \d+ s.*Make it durable"):
        plain_task.apply_async(**when)


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
def test_a_retry_inside_a_transaction_is_kept_although_that_rolls_back(
    celery_worker_process: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    environment = {"RUNS": str(runs), "PYTHONPATH": str(Path(__file__).parent)}
    celery_worker_process("admin", app="retrying_in_a_transaction", env=environment)
    app.send_task("tests.fail_once_in_a_transaction", queue="admin")
    deadline = time.monotonic() + 60
    while enqueued("admin"):
        assert time.monotonic() < deadline, runs.read_text() if runs.exists() else "never ran"
        time.sleep(0.05)
    assert runs.read_text() == "failed\nsucceeded\n"
