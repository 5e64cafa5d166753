"""What the COMMIT raises is retried as the same error of the body would be."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Retry
from django.db import IntegrityError, InterfaceError, OperationalError

from patterns.durable_tasks import commit_errors


def a_task(**options: Any) -> Any:
    """Return a task that has been retried twice, and notes what its next retry is asked for."""
    asked: list[dict[str, Any]] = []

    def retry(**options: Any) -> None:
        asked.append(options)
        raise Retry

    return SimpleNamespace(request=SimpleNamespace(retries=2), retry=retry, asked=asked, **options)


@pytest.mark.parametrize("error", [OperationalError("lost"), InterfaceError("closed")])
def test_what_a_database_may_get_over_is_retried_by_a_task_that_asks_for_no_retries(
    error: Exception,
) -> None:
    task = a_task()
    with pytest.raises(Retry):
        commit_errors.retry(task, error)
    assert task.asked == [{"exc": error}]


def test_another_error_of_a_task_that_asks_for_no_retries_is_not_retried() -> None:
    task = a_task()
    commit_errors.retry(task, IntegrityError("twice"))
    assert task.asked == []


def test_what_the_task_asks_not_to_be_retried_for_is_not_retried() -> None:
    task = a_task(dont_autoretry_for=[OperationalError])
    commit_errors.retry(task, OperationalError("lost"))
    assert task.asked == []


def test_what_the_base_class_calls_transient_is_retried_as_the_base_class_does_it() -> None:
    task = a_task(is_transient=lambda error: "deferred" in str(error))
    with pytest.raises(Retry):
        commit_errors.retry(task, IntegrityError("deferred"))
    commit_errors.retry(task, IntegrityError("another"))
    assert [set(each) for each in task.asked] == [{"exc"}]


@pytest.mark.parametrize(("longest", "countdown"), [(600, 3 * 2**2), (5, 5)])
def test_it_waits_as_long_as_the_tasks_backoff_says(longest: int, countdown: int) -> None:
    options = {"retry_backoff": 3, "retry_backoff_max": longest, "retry_jitter": False}
    task = a_task(autoretry_for=[IntegrityError], retry_kwargs={"max_retries": 9}, **options)
    with pytest.raises(Retry):
        commit_errors.retry(task, error := IntegrityError("twice"))
    assert task.asked == [{"exc": error, "max_retries": 9, "countdown": countdown}]
