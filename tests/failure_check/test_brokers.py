"""What is wrong with a broker is found on a real Valkey, frozen and stopped ones too."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import AccessRefused
from celery import Celery
from development.server import Server
from development.valkey import start_valkey
from kombu.transport.memory import Channel
from redis import Redis

from patterns.failure_check import brokers
from patterns.failure_check.records import Found, Records, advance


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", max_memory_mb=16)
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def app(broker: Server) -> Celery:
    return Celery("watched", broker=broker.url, set_as_current=False)


def names(app: Celery) -> list[str]:
    return [problem.name for problem in brokers.problems(app, "shop")]


def test_a_good_one_is_no_problem(app: Celery) -> None:
    assert names(app) == []


def test_one_that_is_stopped_is_down(app: Celery, broker: Server) -> None:
    broker.stop()
    [problem] = brokers.problems(app, "shop")
    assert problem.name == "broker_down:shop"
    password = broker.url.split(":")[2].split("@")[0]
    assert password not in problem.sentence


def test_one_that_is_frozen_is_down(app: Celery, broker: Server) -> None:
    broker.process.send_signal(signal.SIGSTOP)
    assert names(app) == ["broker_down:shop"]


def test_what_was_wrong_with_one_that_is_down_now_is_not_told_to_be_over(
    app: Celery, broker: Server
) -> None:
    records: Records = {}
    with Redis.from_url(broker.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        client.config_set("maxmemory", int(1.1 * client.info("memory")["used_memory"]))
    raised = look_into(records, app)
    assert raised == ["broker_evicts:shop", "broker_forgets:shop", "broker_full:shop"]
    broker.process.send_signal(signal.SIGSTOP)
    assert look_into(records, app) == ["broker_down:shop", *raised]
    broker.process.send_signal(signal.SIGCONT)
    with Redis.from_url(broker.url) as client:
        client.config_set("maxmemory", "1gb")
        client.config_set("maxmemory-policy", "noeviction")
    assert look_into(records, app) == ["broker_forgets:shop"]


def look_into(records: Records, app: Celery) -> list[str]:
    """Bring the records up to what is wrong now; return the alarms that hold."""
    found = Found(answered={"broker"})
    found.problems = {each.name: ("broker", each) for each in brokers.problems(app, "shop")}
    advance(records, found, datetime.now(UTC), ["log"], remind_seconds=60)
    return sorted(name for name, record in records.items() if record.cleared_at is None)


def test_one_that_throws_away_or_forgets_is_found(app: Celery, broker: Server) -> None:
    with Redis.from_url(broker.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    assert names(app) == ["broker_evicts:shop", "broker_forgets:shop"]


def test_one_that_is_nearly_full_is_found_before_it_is(app: Celery, broker: Server) -> None:
    severities = []
    with Redis.from_url(broker.url) as client:
        for share in (0.85, 0.97):
            while (memory := client.info("memory"))["used_memory"] < share * memory["maxmemory"]:
                client.append("filler", b"x" * 20_000)
            [problem] = brokers.problems(app, "shop")
            assert problem.name == "broker_full:shop"
            severities.append(problem.severity)
    assert severities == ["warning", "critical"]


def test_the_messages_of_a_queue_are_counted(app: Celery, broker: Server) -> None:
    assert brokers.depth(app, "mail") == 0
    with Redis.from_url(broker.url) as client:
        client.rpush("mail", "one", "two")
    assert brokers.depth(app, "mail") == 2


def test_a_broker_that_is_no_redis_is_asked_whether_it_answers() -> None:
    app = Celery("watched", broker="memory://", set_as_current=False)
    assert brokers.ask(app) == {}
    assert names(app) == []


def test_a_queue_that_may_not_be_looked_at_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AccessRefused("of a user without the right")

    monkeypatch.setattr(Channel, "queue_declare", refuse)
    with pytest.raises(AccessRefused):
        brokers.depth(Celery("watched", broker="memory://", set_as_current=False), "mail")


def information(**parts: Any) -> dict[str, Any]:
    return {"used_memory": 90, "total_system_memory": 100, "aof_enabled": 1, **parts}


def test_without_a_limit_the_machines_memory_is_it() -> None:
    assert [each.name for each in brokers._full(information(maxmemory=0), "shop")] == [
        "broker_full:shop"
    ]
    assert list(brokers._full(information(maxmemory=1000), "shop")) == []
