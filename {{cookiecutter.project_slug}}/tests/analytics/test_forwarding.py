"""Whatever the analytics broker does, forwarding ends at once."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
from pytest_django import Settings

from analytics import forwarding, tasks
from analytics.celery import app as analytics_app
from analytics.forwarding import PAUSE_SECONDS, WARNING_SECONDS, Forwarder
from analytics.tasks import forward_event

DAY = "2026-11-23"
ENDS_IN_SECONDS = 10.0  # what the shop may lose to one event


class Broker:
    """The test's own analytics broker, which can be frozen, filled up and stopped."""

    def __init__(self, url: str) -> None:
        """Ask the server for its process."""
        self.client: redis.Redis = redis.Redis.from_url(url)
        self.process_id = int(self.client.info("server")["process_id"])

    def freeze(self) -> None:
        """Stop its process where it stands: it still takes connections and answers nothing."""
        os.kill(self.process_id, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process_id, signal.SIGCONT)

    def fill_up(self) -> None:
        """Leave it no room: `noeviction` refuses every write from now on."""
        self.client.config_set("maxmemory", "1")

    def stop(self) -> None:
        """End it: connections are refused."""
        self.client.shutdown(nosave=True)

    def waiting(self) -> int:
        """Count the messages that wait for the analysts' worker."""
        return int(self.client.llen("analytics"))


@pytest.fixture
def broker(analytics_broker_url: str) -> Iterator[Broker]:
    """Give the test's own analytics broker; a frozen one is thawed, so that it can be stopped."""
    broker = Broker(analytics_broker_url)
    yield broker
    with suppress(ProcessLookupError):  # the test stopped it
        broker.thaw()
    broker.client.close()


@pytest.fixture(autouse=True)
def forwarder(monkeypatch: pytest.MonkeyPatch) -> forwarding.Forwarder:
    """Give the task a forwarder that has not seen the failures of other tests."""
    forwarder = forwarding.Forwarder(forwarding.send_now)
    monkeypatch.setattr(tasks, "publish", forwarder.publish)
    return forwarder


def seconds_of_forwarding(events: int = 1) -> float:
    start = time.monotonic()
    for _ in range(events):
        forward_event("order_placed", DAY)
    return time.monotonic() - start


def test_an_event_is_published_to_the_analytics_broker(broker: Broker) -> None:
    forward_event("order_placed", DAY)
    assert broker.waiting() == 1


def test_a_full_broker_does_not_hold_up_or_fail_a_forward_task(broker: Broker) -> None:
    broker.fill_up()
    assert seconds_of_forwarding() < ENDS_IN_SECONDS
    assert broker.waiting() == 0


def test_a_frozen_broker_does_not_hold_up_or_fail_a_forward_task(broker: Broker) -> None:
    broker.freeze()
    assert seconds_of_forwarding() < ENDS_IN_SECONDS


def test_a_stopped_broker_does_not_hold_up_or_fail_a_forward_task(broker: Broker) -> None:
    broker.stop()
    assert seconds_of_forwarding() < ENDS_IN_SECONDS


def test_a_broker_that_freezes_between_two_events_does_not_hold_up_the_second(
    broker: Broker,
) -> None:
    forward_event("order_placed", DAY)
    broker.freeze()
    assert seconds_of_forwarding() < ENDS_IN_SECONDS


def test_a_thousand_events_on_a_frozen_broker_cost_as_much_as_one(broker: Broker) -> None:
    broker.freeze()
    assert seconds_of_forwarding(1000) < ENDS_IN_SECONDS


def test_an_address_that_is_no_address_fails_no_task(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = ["no-such-host.invalid:1"]  # looked up in vain
    monkeypatch.setattr(analytics_app.conf, "broker_write_url", "redis://no-such-host.invalid:1/0")
    monkeypatch.setattr(analytics_app.conf, "broker_url", "redis://no-such-host.invalid:1/0")
    assert Forwarder(forwarding.send_now).publish("order_placed", DAY) is False


def test_after_a_pause_a_broker_that_is_back_takes_events_again(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    forwarder = Forwarder(forwarding.send_now, clock=lambda: now[0])
    broker.freeze()
    assert forwarder.publish("order_placed", DAY) is False
    broker.thaw()
    now[0] += PAUSE_SECONDS - 1
    assert forwarder.publish("order_placed", DAY) is False, "it pauses"
    assert broker.waiting() == 0
    now[0] += 1
    with caplog.at_level(logging.INFO, "analytics.forwarding"):
        assert forwarder.publish("order_placed", DAY) is True
    assert broker.waiting() == 1
    assert "2 were dropped" in caplog.text


def test_a_broker_that_stays_away_is_warned_of_once_a_minute(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    forwarder = Forwarder(forwarding.send_now, clock=lambda: now[0])
    broker.stop()
    warnings_after = []
    for _ in range(2 * WARNING_SECONDS):
        forwarder.publish("order_placed", DAY)
        warnings_after.append(len(caplog.records))
        now[0] += 1
    assert warnings_after[0] == 1
    assert warnings_after[WARNING_SECONDS - 1] == 1
    assert warnings_after[-1] == 2
    assert "ANALYTICS_BROKER_URL" in caplog.text
