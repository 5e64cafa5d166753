"""What passes is tried again for a day; what cannot pass fails at once."""

import random
import statistics
import time
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from celery import Celery
from celery.canvas import Signature
from celery.exceptions import Reject, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError

from patterns.retrying_task import PermanentError, RetryingTask, TaskRefused, TransientError

HOUR = 3600


@pytest.fixture
def app() -> Iterator[Celery]:
    with Celery("unit", task_cls=RetryingTask, set_as_current=False) as celery_app:
        celery_app.conf.task_ignore_result = True
        yield celery_app


@pytest.fixture
def task(app: Celery) -> RetryingTask:
    return define(app)


def define(app: Celery, **options: Any) -> RetryingTask:
    """Define a task, and have Celery bind it now rather than at its first use."""

    def body() -> None: ...

    task: Any = app.task(body, name="unit", shared=False, **options)
    task.name  # noqa: B018  resolves Celery's promise
    return task


def answered(status: int, **headers: str) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1/charges")
    answer = httpx.Response(status, request=request, headers=headers)
    return httpx.HTTPStatusError(f"answer {status}", request=request, response=answer)


def urllib_error(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://127.0.0.1/", status, "no", Message(), None)


class Declined(ConnectionError):
    """Of a transient class, and yet permanent: the attribute is asked first."""

    is_permanent = True


class Busy(ValueError):
    """Of a permanent class, and yet transient."""

    is_permanent = False


@pytest.mark.parametrize(
    "error",
    [
        TransientError(),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        BrokenPipeError(),
        urllib.error.URLError("no route to host"),
        urllib_error(503),
        EOFError(),
        OperationalError(),
        answered(408),
        answered(429),
        answered(500),
        answered(503),
        Busy(),
    ],
    ids=repr,
)
def test_what_may_pass_is_transient(task: RetryingTask, error: Exception) -> None:
    assert task.is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        PermanentError(),
        ValueError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        TypeError(),
        KeyError(),
        ZeroDivisionError(),
        FileNotFoundError(),
        PermissionError(),
        answered(400),
        answered(402),
        answered(404),
        answered(409),
        urllib_error(404),
        SoftTimeLimitExceeded(),
        Declined(),
    ],
    ids=repr,
)
def test_what_cannot_pass_is_permanent(task: RetryingTask, error: Exception) -> None:
    assert not task.is_transient(error)


def test_an_attribute_that_is_no_boolean_decides_nothing(task: RetryingTask) -> None:
    error = ConnectionError()
    error.is_permanent = lambda: True  # type: ignore[attr-defined]  # a method of that name
    assert task.is_transient(error)


def test_retries_last_about_a_day(task: RetryingTask) -> None:
    random.seed(2)
    totals = sorted(total_seconds(task) / HOUR for _ in range(200))
    assert 23.5 < statistics.mean(totals) < 25
    assert totals[5] > 20
    assert totals[195] < 28


def total_seconds(task: RetryingTask) -> float:
    total = 0.0
    for retries in range(RetryingTask.max_retries):
        task.push_request(retries=retries)
        total += task.wait_seconds()
        task.pop_request()
    return total


def test_the_first_retries_come_soon_and_none_waits_longer_than_the_cap(task: RetryingTask) -> None:
    random.seed(2)
    for retries, longest in ((0, 2), (3, 16), (9, 1024), (10, 1800), (105, 1800), (10**6, 1800)):
        task.push_request(retries=retries)
        waits = [task.wait_seconds() for _ in range(400)]
        task.pop_request()
        assert 0.9 * longest < max(waits) <= longest
        assert min(waits) < 0.1 * longest  # full jitter: they do not come back together


def test_a_far_side_that_names_a_time_is_asked_no_sooner(task: RetryingTask) -> None:
    assert task.wait_seconds(answered(429, **{"Retry-After": "120"})) == 120
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    assert 110 < task.wait_seconds(answered(503, **{"Retry-After": at})) <= 120


def test_an_error_that_names_a_wait_of_its_own_is_heeded_up_to_the_cap(task: RetryingTask) -> None:
    error = TransientError("held by another run")
    for seconds, waited in ((50, 50), (1e9, 1800)):
        error.retry_after_seconds = seconds  # type: ignore[attr-defined]
        assert task.wait_seconds(error) == waited


LATE = "Mon, 01 Jan 99999999999 00:00:00 GMT"


@pytest.mark.parametrize("value", ["", "soon", "-5", "²", "Mon, 99 Foo 2026", "1e9", LATE])
def test_a_time_that_makes_no_sense_is_not_heeded(task: RetryingTask, value: str) -> None:
    answer = httpx.Response(503, headers={"Retry-After": value.encode()})
    error = httpx.HTTPStatusError("no", request=httpx.Request("GET", "http://x"), response=answer)
    assert 0 <= task.wait_seconds(error) <= 2


def test_a_far_side_cannot_make_us_wait_longer_than_the_cap(task: RetryingTask) -> None:
    assert task.wait_seconds(answered(429, **{"Retry-After": "9" * 400})) == 1800


@pytest.mark.parametrize(
    "limits",
    [
        {"soft_time_limit": None},
        {"time_limit": None},
        {"soft_time_limit": 60, "time_limit": 60},
        {"soft_time_limit": 0},
    ],
    ids=str,
)
def test_a_task_without_time_limits_is_refused(app: Celery, limits: dict[str, Any]) -> None:
    with pytest.raises(TaskRefused, match="Task unit has soft_time_limit"):
        define(app, **limits)


def test_a_task_that_asks_for_a_result_nobody_keeps_is_refused(app: Celery) -> None:
    with pytest.raises(TaskRefused, match="Set result_backend, or task_ignore_result=True and no"):
        define(app, ignore_result=False)


def test_a_task_may_ask_for_its_result_where_there_is_a_backend(app: Celery) -> None:
    app.conf.result_backend = "cache+memory://"
    assert define(app, ignore_result=False).ignore_result is False


@pytest.mark.parametrize(
    ("error", "is_handed_out_again"),
    [(OperationalError("away"), True), (ConnectionError("away"), True), (KeyError("bug"), False)],
    ids=repr,
)
def test_a_retry_that_is_not_published_comes_back_unless_it_never_could_be(
    task: RetryingTask, monkeypatch: Any, error: Exception, is_handed_out_again: bool
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Signature, "apply_async", refuse)
    task.push_request(called_directly=False, id="1", args=(), kwargs={}, retries=0)
    with pytest.raises(Reject) as rejected:
        task.retry(exc=TransientError())
    task.pop_request()
    assert rejected.value.requeue is is_handed_out_again


def test_what_the_pool_ends_a_process_with_is_no_failure_of_the_task(app: Celery) -> None:
    @app.task(name="ended", shared=False)  # type: ignore[untyped-decorator]
    def ended() -> None:
        raise SystemExit(-15)

    ended.push_request(called_directly=False)
    with pytest.raises(SystemExit):
        ended()
    ended.pop_request()


def test_called_as_a_function_a_task_retries_nothing(app: Celery) -> None:
    @app.task(name="direct", shared=False)  # type: ignore[untyped-decorator]
    def direct() -> None:
        raise ConnectionError("seen by the caller")

    started = time.monotonic()
    with pytest.raises(ConnectionError, match="seen by the caller"):
        direct()
    assert time.monotonic() - started < 5
