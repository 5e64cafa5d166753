"""Where the analysts' broker is another's, the shop's tasks go on, and the events stay here."""

import json

import pytest
from redis import Redis

from analytics.celery import app
from analytics.forwarding import publish
from config.management.commands.relay import Command
from patterns.brokers.errors import BrokerOfAnother
from patterns.brokers.stamp import KEY
from patterns.durable_tasks.relay import Relay

STAMP = json.dumps({"owner": "other.shop@production", "by": "somebody", "at": "today"})


@pytest.mark.django_db(transaction=True)
def test_the_relay_goes_on_and_connects_there_no_more(
    analytics_broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, command = Relay(app), Command()
    command.heartbeats = {}
    relay.broker.producer()
    with Redis.from_url(analytics_broker_url) as client:
        client.set(KEY, STAMP)
    monkeypatch.setattr(app.guard, "refusal", BrokerOfAnother("it is another's"))
    command.turned(relay)
    with pytest.raises(relay.broker.errors(), match=r"the broker of other\.shop@production"):
        relay.broker.producer()  # connected anew


def test_an_event_is_dropped_and_the_log_says_whose_it_is(
    analytics_broker_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(analytics_broker_url) as client:
        client.set(KEY, STAMP)
        assert not publish("user_signed_up", "2026-11-28")
        assert client.llen("analytics") == 0
    assert "the broker of other.shop@production" in caplog.text
