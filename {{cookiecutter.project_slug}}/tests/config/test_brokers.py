"""The shop at a broker that is another's: nothing goes there, and its pages do not notice."""

import json
from typing import Any

import pytest
from celery import Celery
from django.core.management import call_command
from kombu.exceptions import OperationalError
from redis import Redis

from config.celery import app
from config.management.commands.relay import Command
from config.tasks import clear_sessions
from development.testing import enqueued
from patterns.brokers.errors import BrokerOfAnother
from patterns.brokers.stamp import KEY
from patterns.durable_tasks.relay import Relay

STAMP = json.dumps({"owner": "other.shop@production", "by": "somebody", "at": "today"})


@pytest.fixture
def another_s(broker_url: str) -> Any:
    """Return a client of the shop's broker, which is another's."""
    client = Redis.from_url(broker_url)
    client.set(KEY, STAMP)
    yield client
    client.close()


def test_its_name_is_the_project_s_and_the_environment_s() -> None:
    assert str(app.guard.owner).endswith(".shop@test")


@pytest.mark.django_db
def test_a_durable_task_is_enqueued_whoever_s_the_broker_is(another_s: Any) -> None:
    clear_sessions.delay()
    assert enqueued("default") == 1
    assert app.guard.refusal is None  # it has not even looked


def test_a_plain_task_is_refused_to_its_caller(another_s: Any) -> None:
    with pytest.raises(OperationalError, match=r"the broker of other\.shop@production"):
        Celery.send_task(app, "tests.plain", queue="default", task_type=clear_sessions)
    assert another_s.llen("default") == 0


@pytest.mark.django_db(transaction=True)
def test_the_relay_refuses_to_publish_there(another_s: Any) -> None:
    clear_sessions.delay()
    with pytest.raises(SystemExit) as ended:
        call_command("relay", once=True)
    assert ended.value.code == 78
    assert another_s.llen("default") == 0


def test_a_relay_that_runs_ends_once_its_broker_is_another_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app.guard, "refusal", BrokerOfAnother("it is another's"))
    with pytest.raises(SystemExit) as ended:
        Command().turned(Relay(app))
    assert ended.value.code == 78
