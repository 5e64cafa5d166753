"""What is wrong with a message is told before Celery takes it; a lost connection is none of it."""

import json
from typing import Any

import pytest
from celery.worker.consumer import Consumer
from kombu import Message

from patterns.durable_tasks import malformed, unknown
from patterns.durable_tasks.consumer import DurableConsumer
from patterns.durable_tasks.envelope import CheckedChannel
from patterns.durable_tasks.faults import fault_of
from patterns.durable_tasks.message_calls import MessageCall
from patterns.durable_tasks.models import TaskRow

GOOD = {"task": "shop.plain", "id": "one"}


def message(body: Any, headers: Any = GOOD) -> Message:
    return Message(
        json.dumps(body).encode(),
        headers=headers,
        content_type="application/json",
        content_encoding="utf-8",
        accept={"application/json"},
    )


def test_a_body_that_says_what_the_headers_say_is_none() -> None:
    """Given Celery's hybrid of both protocols."""
    assert fault_of(message(GOOD | {"args": ["x"], "kwargs": {}})) == ""


def test_a_connection_that_breaks_while_a_message_is_taken_is_celerys_to_renew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(message: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(Consumer, "create_task_handler", lambda self: breaks)
    consumer = object.__new__(DurableConsumer)
    consumer.connection_errors, consumer.channel_errors = (ConnectionResetError,), ()
    with pytest.raises(ConnectionResetError):
        consumer.create_task_handler()(message([[], {}, None]))
    assert not TaskRow.objects.exists()


def test_a_connection_that_breaks_in_remote_control_is_celerys_to_renew() -> None:
    class Breaks:
        connection_errors = (ConnectionResetError, KeyError)

        def _deliver_fanout_message(self, message: Any, exchange: str) -> None:
            raise message["error"]

    class Channel(CheckedChannel, Breaks):
        pass

    address = {"delivery_tag": "t", "delivery_info": {"exchange": "", "routing_key": ""}}
    for error, is_raised in ((ConnectionResetError(), True), (KeyError("no id"), False)):
        envelope = {"properties": address, "error": error}
        if is_raised:
            with pytest.raises(ConnectionResetError):
                Channel()._deliver_fanout_message(envelope, "pidbox")
        else:  # the message's own fault: it is dropped, and nothing is connected anew
            assert Channel()._deliver_fanout_message(envelope, "pidbox")


def test_arguments_that_cannot_be_read_back_are_kept_and_shown_hidden() -> None:
    """Given what JSON reads as another type: a sender in YAML or pickle may have had it in."""
    text = '[[{"__type__": "datetime", "__value__": "no date"}], {}]'
    malformed.keep(message([[], {}, None]), "unknown", call=MessageCall(arguments=text))
    row = TaskRow.objects.get()
    assert row.arguments == text
    assert json.loads(row.shown) == ["***", "***"]


def test_of_an_unknown_task_in_the_protocol_of_celery_3_its_bytes_are_kept() -> None:
    body = {"task": "shop.forgotten", "id": "one", "args": ["hunter2"], "kwargs": {}}
    unknown.keep_call(message(body, headers={}), "It is not known.", "one", "w@test")
    row = TaskRow.objects.get()
    assert (row.arguments, row.plain) == ("", False)
    assert json.loads(bytes(row.message or b"")) == body
