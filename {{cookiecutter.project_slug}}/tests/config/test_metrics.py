"""What Prometheus reads, and who may read it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.models import User
from config.metrics import MOST_NAMES
from config.tasks import clear_sessions
from patterns.durable_tasks.models import State, TaskRow
from patterns.failure_check.models import Heartbeat
from tests.config.raised import bearer, checked, raise_alarm

# The figures are read on a connection of their own.
pytestmark = pytest.mark.django_db(transaction=True)
Scrape = Callable[[], dict[str, dict[tuple[str, ...], float]]]


@pytest.fixture
def scrape(client: Client) -> Scrape:
    """Return what asks, and returns each metric's values by their labels."""

    def ask() -> dict[str, dict[tuple[str, ...], float]]:
        answer = client.get("/metrics", headers=bearer())
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        return {
            family.name: {tuple(each.labels.values()): each.value for each in family.samples}
            for family in families
        }

    return ask


def test_the_bearer_of_the_token_reads_them_and_no_cache_keeps_them(client: Client) -> None:
    answer = client.get("/metrics", headers=bearer())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer x", "Basic {}", "{}", "Bearer {}x", "é"])
def test_nobody_else_does(client: Client, settings: Settings, given: str) -> None:
    client.force_login(User.objects.create(email="ada@example.com", is_superuser=True))
    for token in (settings.METRICS_TOKEN, ""):
        settings.METRICS_TOKEN = token
        answer = client.get("/metrics", headers={"Authorization": given.format(token)})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert b"durable_tasks" not in answer.content


def test_a_queue_s_tasks_are_counted(scrape: Scrape) -> None:
    clear_sessions.delay()
    clear_sessions.apply_async(countdown=3600)
    for state in (State.RUNNING, State.FAILED, State.FAILED):
        row = TaskRow.objects.get(pk=clear_sessions.delay().id)
        TaskRow.objects.filter(pk=row.pk).update(state=state, failed_at=timezone.now())
    TaskRow.objects.filter(state=State.READY).update(due_at=timezone.now() - timedelta(hours=1))
    found = scrape()
    counts = {name: found[f"durable_tasks_{name}"]["default",] for name in COUNTED}
    assert counts == {"waiting": 1, "scheduled": 1, "running": 1, "failed": 2, "is_paused": 0}
    assert found["durable_tasks_oldest_due_seconds"]["default",] == pytest.approx(3600, abs=600)
    assert found["durable_tasks_relay_lag_seconds"]["default",] == pytest.approx(3600, abs=600)
    assert found["durable_tasks_cap"]["default",] == 1_000_000
    assert found["durable_tasks_failed_by_task"] == {("config.clear_sessions",): 2}
    assert found["durable_tasks_waiting"]["mail",] == 0
    assert found["durable_tasks_relay_lag_seconds"]["mail",] == 0


COUNTED = ("waiting", "scheduled", "running", "failed", "is_paused")


def test_names_that_somebody_made_up_do_not_become_series_without_end(scrape: Scrape) -> None:
    for number in range(MOST_NAMES + 7):
        clear_sessions.delay()
        TaskRow.objects.filter(state=State.READY).update(
            name=f'made "up"\n{number}', state=State.FAILED, failed_at=timezone.now()
        )
    names = scrape()["durable_tasks_failed_by_task"]
    assert len(names) == MOST_NAMES + 1
    assert names["(others)",] == 7


def test_alarms_heartbeats_and_the_last_run_are_there(scrape: Scrape) -> None:
    assert scrape()["failure_check_alarms"] == {("warning",): 0, ("critical",): 0}
    raise_alarm("queue_late:mail", "critical")
    raise_alarm("gone", "critical", cleared_at=timezone.now())
    ago = timezone.now() - timedelta(minutes=10)
    Heartbeat.objects.create(name="beat", host="here", pid=1, queues=[], at=ago)
    checked(ago)
    found = scrape()
    assert found["failure_check_alarms"] == {("warning",): 0, ("critical",): 1}
    assert found["failure_check_alarm"] == {("queue_late:mail", "critical"): 1}
    assert found["failure_check_heartbeat_age_seconds"]["beat",] == pytest.approx(600, abs=300)
    assert found["failure_check_last_run_age_seconds"][()] == pytest.approx(600, abs=300)
