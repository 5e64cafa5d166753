"""Each check complains of what it is for, and of nothing in the shop as it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Task
from django.core.checks import run_checks

from config import celery_settings, checks
from config.celery import app


def test_the_shop_passes_every_check() -> None:
    prefixes = ("shop.", "queues.")
    assert [error for error in run_checks() if str(error.id).startswith(prefixes)] == []


@pytest.fixture
def stray_task() -> Iterator[Any]:
    """Define a task whose queue is then taken away, as a settings override would."""

    @app.task(name="tests.stray", queue="admin", shared=False)
    def body() -> None: ...

    assert body.name == "tests.stray"  # has Celery bind it now
    yield app.tasks["tests.stray"]  # itself: `body` is a proxy, with a class of its own
    app.tasks.pop("tests.stray")


def test_e005_a_plain_task_whose_retries_wait_longer_than_the_broker(stray_task: Any) -> None:
    type(stray_task).backoff_cap_seconds = 7200
    assert checks.check_tasks(None) == []  # a durable one waits in its row
    type(stray_task).durable = False
    (error,) = checks.check_tasks(None)
    assert error.id == "shop.E005"
    assert "tests.stray may be away for 7530 s" in error.msg
    assert error.hint is not None
    assert "VISIBILITY_TIMEOUT_SECONDS" in error.hint


def test_e009_a_task_that_is_not_of_the_shop_s_base() -> None:
    @app.task(name="tests.stray", queue="admin", base=Task, shared=False)
    def body() -> None: ...

    try:
        (error,) = checks.check_tasks(None)
    finally:
        app.tasks.pop("tests.stray")
    assert error.id == "shop.E009"
    assert "tests.stray is no config.base_task.ShopTask" in error.msg


def test_e006_a_setting_that_celery_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_settings, "task_ack_late", True, raising=False)
    (error,) = checks.check_setting_names(None)
    assert error.id == "shop.E006"
    assert "'task_ack_late', which Celery does not know" in error.msg
