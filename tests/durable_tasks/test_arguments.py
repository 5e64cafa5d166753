"""Arguments: exact, bounded, and shown without their secrets."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import redis
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import arguments
from patterns.durable_tasks.errors import ArgumentsRefused
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, notes
from tests.servers import eventually

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    "value",
    [
        *("\x00", "\ud800", "ünï", float("inf"), b"bytes", b"\xff\x00", Decimal("1.10"), None),
        *(UUID(int=5), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), {"a": [1, {"b": None}]}),
    ],
)
def test_arguments_come_out_as_they_went_in(value: Any) -> None:
    tasks.write_note.delay(value, then=value)
    assert arguments.decode(TaskRow.objects.get().arguments) == ([value], {"then": value})


def test_nan_comes_out_as_nan() -> None:
    tasks.write_note.delay(float("nan"))
    ((value,), _) = arguments.decode(TaskRow.objects.get().arguments)
    assert value != value


@pytest.mark.parametrize("value", [object(), {1, 2}, ..., lambda: None])
def test_what_is_no_json_is_refused_with_the_tasks_name(value: Any) -> None:
    with pytest.raises(ArgumentsRefused, match=r"arguments of shop\.write_note are not JSON.*id"):
        tasks.write_note.delay(value)


def test_what_is_too_large_is_refused_with_both_sizes() -> None:
    with pytest.raises(ArgumentsRefused, match=r"are 70,0\d\d bytes, more than 65,536"):
        tasks.write_note.delay("x" * 70_000)


def test_a_plain_task_has_the_limit_too() -> None:
    with pytest.raises(ArgumentsRefused, match=r"shop\.plain"):
        tasks.plain.delay("x" * 70_000)


def test_of_a_body_whose_parameters_python_does_not_know_no_argument_is_shown() -> None:
    """Given one that is compiled: nobody can tell which argument is the secret."""

    class Compiled:
        run, redact = staticmethod(dict), ()

    assert arguments.redacted(Compiled, (CANARY,), {"order": 7}) == ("('***',)", "{'order': 7}")


def test_secrets_are_hidden_by_the_names_of_arguments_at_any_depth() -> None:
    def body(user: Any, password: Any, *tokens: Any, **more: Any) -> None:
        pass

    class Named:
        run, redact = staticmethod(body), ("pin",)

    shown = arguments.redacted(
        Named,
        ("ann", CANARY, CANARY, CANARY),
        {"Api_Key": CANARY, "PIN": CANARY, "deep": [{"x": {"my_secret": CANARY}}], "fine": 1},
    )
    assert shown[0] == "('ann', '***', '***', '***')"
    assert CANARY not in shown[1]
    assert "'fine': 1" in shown[1]


def test_of_an_unknown_task_no_positional_argument_is_shown() -> None:
    app.send_task("elsewhere.log_in", ("ann", CANARY), {"password": CANARY, "fine": 1})
    shown = json.loads(TaskRow.objects.get().shown)
    assert shown == ["('***', '***')", "{'password': '***', 'fine': 1}"]


def test_a_long_repr_is_cut() -> None:
    tasks.write_note.delay("x" * 5000)
    assert len(json.loads(TaskRow.objects.get().shown)[0]) < 1100


def test_a_message_has_no_arguments(broker: Any, start_relay: Start) -> None:
    tasks.log_in.delay("ann-visible", CANARY)
    start_relay()
    with redis.Redis.from_url(broker.url) as client:
        eventually(lambda: client.llen("default"))
        (message,) = client.lrange("default", 0, -1)
    assert CANARY.encode() not in message
    body = json.loads(base64.b64decode(json.loads(message)["body"]))
    assert body[:2] == [[], {}]


def test_no_secret_reaches_log_or_events(
    broker: Any, start_relay: Start, start_worker: Start
) -> None:
    received: list[Any] = []
    worker = start_worker("-E", "-l", "DEBUG")
    with app.connection_for_read() as listening:
        receiver = app.events.Receiver(listening, handlers={"*": received.append})
        # Before the task: events are for those who listen.
        consumer = receiver.itercapture(limit=None, timeout=None, wakeup=False)
        next(consumer)  # it listens from here on; a worker's heart beats every two seconds
        tasks.log_in.delay("ann", CANARY)
        relay = start_relay()

        def is_seen() -> bool:
            next(consumer)
            return any(event["type"] == "task-succeeded" for event in received)

        eventually(is_seen)
    assert notes() == ["ann"]
    assert "***" in str(received)
    assert CANARY not in str(received)
    assert CANARY not in worker.words + relay.words
