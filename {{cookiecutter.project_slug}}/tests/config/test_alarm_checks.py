"""What the shop's own checks find, each by causing it; test_alarms.py has the mails."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from config import alarms, development_alarms
from config.queues import SHOP
from patterns.durable_tasks.figures import QueueFigures
from patterns.durable_tasks.models import State, TaskRow
from patterns.failure_check.heartbeats import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = SHOP.by_name["mail"]


def row(state: State, age_seconds: float = 0, **parts: Any) -> TaskRow:
    at = timezone.now() - timedelta(seconds=age_seconds)
    failed = {"failed_at": at} if state == State.FAILED else {}
    words = {"name": "shop.task", "queue": "mail", "arguments": "[[], {}]", **failed, **parts}
    made: TaskRow = TaskRow.objects.create(state=state, due_at=at, **words)
    return made


def found(check: Any) -> dict[str, str]:
    return {problem.name: problem.severity for problem in check()}


def test_failed_tasks_are_found_by_name_and_many_are_critical() -> None:
    assert found(alarms.failed_tasks) == {}
    row(State.FAILED, name="a")
    for _ in range(alarms.MANY_FAILED):
        row(State.FAILED, name="b", queue="analytics", plain=True)
    row(State.FAILED, name="")
    assert found(alarms.failed_tasks) == {
        "failed:a": "warning",
        "failed:b": "critical",
        "failed:(unreadable)": "warning",
    }


def test_a_thousand_names_are_one_problem_more() -> None:
    for number in range(alarms.MOST_NAMES + 3):
        row(State.FAILED, age_seconds=number, name=f"task {number:02}")
    names = found(alarms.failed_tasks)
    assert len(names) == alarms.MOST_NAMES + 1
    assert names["failed"] == "critical"
    assert "failed:task 00" in names


def test_a_queue_is_late_when_its_oldest_task_waited_too_long() -> None:
    Heartbeat("worker mail@here", ["mail"]).write()
    row(State.READY, age_seconds=MAIL.latency_seconds - 30)
    assert found(alarms.queues) == {}
    row(State.PUBLISHED, age_seconds=MAIL.latency_seconds + 1)
    assert found(alarms.queues) == {"queue_late:mail": "critical"}


def test_of_a_queue_that_is_paused_it_is_said() -> None:
    [problem] = alarms.late(MAIL, QueueFigures(oldest_due_seconds=9000, is_paused=True))
    assert problem.severity == "warning"
    assert "manage.py task_queues resume mail" in problem.remedy


def test_tasks_without_a_worker_are_found_once_a_restart_is_no_reason(settings: Settings) -> None:
    settings.FAILURE_CHECK_WORKER_SILENCE_SECONDS = 20
    row(State.READY, age_seconds=10)
    assert found(alarms.queues) == {}
    row(State.READY, age_seconds=21)
    assert found(alarms.queues) == {"no_worker:mail": "critical"}
    Heartbeat("worker all@here", ["default", "mail"]).write()
    assert found(alarms.queues) == {}


@pytest.mark.parametrize(
    ("rows", "severity"), [(4, None), (5, "warning"), (10, "critical")], ids=str
)
def test_a_queue_at_half_its_cap_is_found(rows: int, severity: str | None) -> None:
    problems = list(alarms.filling(replace(MAIL, cap=10), rows, 10))
    assert [problem.severity for problem in problems] == ([severity] if severity else [])


def test_the_gauges_are_numbers_by_queue() -> None:
    row(State.READY, age_seconds=60)
    row(State.FAILED)
    gauges = alarms.gauges()
    assert gauges["waiting:mail"] == gauges["failed"] == 1
    assert gauges["oldest_due_seconds:mail"] >= 60


def test_in_development_its_servers_are_no_problem(settings: Settings) -> None:
    settings.DEBUG = True
    assert found(development_alarms.development_servers) == {}


def test_in_production_they_are(settings: Settings, broker_url: str, tmp_path: Any) -> None:
    settings.DEBUG = False
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "servers.env").write_text(
        "EMAIL_URL='smtp://127.0.0.1:2525'\nPAYMENTS_URL='http://127.0.0.1:7000'\nPORT='8000'\n"
    )
    settings.BASE_DIR = tmp_path
    assert set(found(development_alarms.development_servers)) == {
        "development_server:DATABASE_URL",
        "development_server:BROKER_URL",
    }
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 2525
    settings.PAYMENTS_URL = "http://127.0.0.1:7000"
    assert set(found(development_alarms.development_servers)) == {
        f"development_server:{name}_URL" for name in ("DATABASE", "BROKER", "EMAIL", "PAYMENTS")
    }
