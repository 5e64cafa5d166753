"""Two Celery apps in one process, and neither runs the other's tasks."""

import re
from collections.abc import Callable
from typing import Any

from celery import Celery, current_app, shared_task

import analytics.counting  # noqa: F401  its import is what could leak
from analytics.celery import app as analytics_app
from analytics.models import EventCount
from config.celery import app as shop_app
from development.testing import wait_for


def test_the_shop_does_not_know_the_analysts_task() -> None:
    shop_app.finalize()
    assert "analytics.count_event" not in shop_app.tasks


def test_the_analysts_app_knows_its_task_and_none_of_the_shop_s() -> None:
    shop_app.loader.import_default_modules()
    own = {name for name in analytics_app.tasks if not name.startswith("celery.")}
    assert own == {"analytics.count_event"}
    assert "analytics.forward_event" in shop_app.tasks


def test_a_task_shared_by_anybody_does_not_reach_the_analysts_app() -> None:
    shared_task(name="tests.shared", queue="default")(nothing)
    assert "tests.shared" not in analytics_app.tasks
    assert "tests.shared" in shop_app.tasks


def nothing() -> None:
    """Be a task."""


def test_the_current_app_is_the_shop_s() -> None:
    assert current_app.main == shop_app.main == "shop"


def test_the_analysts_app_uses_nothing_but_its_own_queue_and_json() -> None:
    conf = analytics_app.conf
    assert [queue.name for queue in conf.task_queues] == ["analytics"]
    assert conf.task_create_missing_queues is False
    assert conf.accept_content == ["json"]
    assert conf.task_time_limit > conf.task_soft_time_limit > 0


def test_a_task_of_one_app_is_not_run_by_the_worker_of_the_other(
    broker_url: str,
    analytics_broker_url: str,
    celery_worker_process: Callable[..., Any],
) -> None:
    shop = celery_worker_process("default")
    analysts = celery_worker_process("analytics", app="analytics.celery")
    shop_app.send_task("analytics.count_event", ("x", "2026-11-23"), queue="default")
    # As another project's Celery would: this app makes a row of what it does not know.
    Celery.send_task(
        analytics_app, "analytics.forward_event", ("x", "2026-11-23"), queue="analytics"
    )
    # A worker of the shop leaves a task that it does not know to one that may.
    _wait_for_words(shop, rb"Task analytics\.count_event\S+ is not known to this worker")
    _wait_for_words(analysts, rb"Task analytics\.forward_event\S+ is not known here")
    assert not EventCount.objects.exists()


def _wait_for_words(worker: Any, words: bytes) -> None:
    def are_said() -> bool:
        return re.search(words, worker.log_path.read_bytes()) is not None

    wait_for(are_said, worker, repr(words), worker.log_path)
