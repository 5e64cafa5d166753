"""The analysts' broker and queue are looked at too."""

import pytest
from redis import Redis

from analytics import alarms
from analytics.celery import app
from config.queues import ANALYTICS
from patterns.failure_check.heartbeats import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


def names() -> list[str]:
    return [problem.name for problem in alarms.broker_and_queue()]


def test_events_that_no_worker_takes_are_found(analytics_broker_url: str) -> None:
    with Redis.from_url(analytics_broker_url) as broker:
        broker.config_set("appendonly", "yes")
    assert names() == []
    app.send_task("analytics.count_event", ["signup", "2026-01-02"], queue="analytics")
    assert names() == ["no_worker:analytics"]
    Heartbeat("worker analytics@here", ["analytics"]).write()
    assert names() == []


def test_a_queue_that_fills_up_is_found(
    analytics_broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Heartbeat("worker analytics@here", ["analytics"]).write()
    with Redis.from_url(analytics_broker_url) as broker:
        broker.config_set("appendonly", "yes")
        broker.rpush("analytics", *["event"] * 500)
    [queue] = ANALYTICS
    monkeypatch.setitem(vars(queue), "cap", 1000)
    assert names() == ["queue_full:analytics"]


def test_a_broker_that_is_away_is_found(analytics_broker_url: str) -> None:
    with Redis.from_url(analytics_broker_url) as broker:
        broker.shutdown(nosave=True)
    assert names() == ["broker_down:analytics"]
