"""The other ways to ask for a task: those of a plain one, which is a message as Celery has it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery.exceptions import Ignore
from development.server import Server
from django.db import transaction
from durable_shop import tasks
from durable_shop.celery import app
from durable_shop.models import Note

from patterns.durable_tasks.errors import ArgumentsRefused, NotKept
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.task import DurableTask
from tests.durable_tasks.failures import fail
from tests.durable_tasks.messages import messages
from tests.servers import eventually


class Traced(DurableTask):
    """A base of a project's own, whose messages say where they come from."""

    abstract = True

    def message_headers(self) -> dict[str, str]:
        return {"trace": "of the request", "page": "signup"}


@pytest.fixture
def sign_in() -> Iterator[Any]:
    """A plain task of that base, which takes a secret."""

    @app.task(name="asking.sign_in", base=Traced, durable=False, shared=False)
    def sign_in(user: str, password: str) -> None:
        pass

    yield sign_in
    app.tasks.unregister("asking.sign_in")


def test_a_plain_tasks_message_shows_no_secret_and_says_what_its_base_does(
    broker: Server, sign_in: Any
) -> None:
    sign_in.apply_async(("anna", "hunter2"), headers={"page": "the caller's"})
    (headers,) = messages(broker)
    assert headers["argsrepr"] == "('anna', '***')"
    assert (headers["trace"], headers["page"]) == ("of the request", "the caller's")
    assert not TaskRow.objects.exists()


def test_plain_arguments_are_bounded_too_unless_they_are_no_json(broker: Server) -> None:
    with pytest.raises(ArgumentsRefused, match=r"shop\.plain are 70,"):
        tasks.plain.delay("x" * 70_000)
    tasks.plain.apply_async((date(2026, 3, 4),), serializer="pickle")
    (headers,) = messages(broker)
    assert headers["argsrepr"] == "(datetime.date(2026, 3, 4),)"


def test_enqueue_many_of_a_plain_task_is_a_message_each(broker: Server) -> None:
    ids = tasks.plain.enqueue_many([(("one",), {}), ((), {"text": "two"})])
    assert [headers["id"] for headers in messages(broker)] == ids


def test_a_plain_task_with_a_unique_key_is_refused_since_nothing_would_hold_it() -> None:
    with pytest.raises(NotKept, match=r"shop\.plain is not durable"):
        tasks.plain.apply_async(("one",), unique_key="k")


def test_a_plain_task_goes_out_after_the_commit_and_not_with_a_rollback(broker: Server) -> None:
    with transaction.atomic():
        assert tasks.plain.delay_on_commit("kept") is None
        assert messages(broker) == []
    with transaction.atomic():
        tasks.plain.delay_on_commit("never")
        transaction.set_rollback(True)
    assert [headers["argsrepr"] for headers in messages(broker)] == ["('kept',)"]


def test_what_was_committed_stands_where_the_broker_does_not_take_the_plain_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given no broker: the caller goes on, and the log says what was lost."""
    with transaction.atomic():
        Note.objects.create(text="stands")
        tasks.plain.delay_on_commit("lost")
    assert Note.objects.get().text == "stands"
    assert "Error calling" in caplog.text


def test_enqueue_many_in_async_code_names_the_way_to_call_it() -> None:
    async def view() -> None:
        tasks.write_note.enqueue_many([(("one",), {})])

    with pytest.raises(NotKept, match="await sync_to_async"):
        asyncio.run(view())


def test_a_task_replays_its_own_failed_rows_by_their_arguments() -> None:
    wanted, other = fail("wanted"), fail("other")
    with transaction.atomic():
        calls: list[Any] = [(["wanted"], {}), (["not there"], {})]
        assert tasks.write_note.replay_failed(calls, by="ann") == [wanted.arguments]
        assert tasks.write_note.replay_failed(calls, by="bea") == []  # the second one finds none
    states = dict(TaskRow.objects.values_list("id", "state"))
    assert states == {wanted.id: State.READY, other.id: State.FAILED}


def test_a_plain_task_may_be_called_in_a_loop(broker: Server) -> None:
    calls = [("one",), ("two",)]
    for loop in (tasks.plain.map(calls), tasks.plain.starmap(calls), tasks.plain.chunks(calls, 2)):
        loop.apply_async()
    sent = [headers["task"] for headers in messages(broker)]
    assert sent == ["celery.map", "celery.starmap", "celery.starmap"]


def test_a_plain_run_may_be_replaced_and_is_asked_for_its_chord(broker: Server) -> None:
    tasks.plain.push_request(called_directly=False, id=str(uuid4()), chord=None)
    try:
        with pytest.raises(Ignore, match="Replaced"):
            tasks.plain.replace(tasks.plain.s("instead"))
        with pytest.raises(ValueError, match="not member of any chord"):
            tasks.plain.add_to_chord(tasks.plain.s("more"))
    finally:
        tasks.plain.pop_request()
    assert [headers["argsrepr"] for headers in messages(broker)] == ["('instead',)"]


def test_plain_tasks_are_revoked_and_limited_by_remote_control(broker: Server) -> None:
    with redis.Redis.from_url(broker.url) as server, server.pubsub() as workers:
        workers.subscribe("/0.celery.pidbox")
        eventually(lambda: workers.get_message(timeout=1))
        app.control.revoke("a plain one's")
        app.control.rate_limit("shop.plain", "10/m")
        app.control.rate_limit("shop.write_note", 0)  # none: nothing that is not kept
        told = [
            json.loads(eventually(lambda: workers.get_message(timeout=1))["data"])["body"]
            for _ in range(3)
        ]
    assert len(told) == 3


def test_a_task_that_is_called_as_a_function_completes_in_a_transaction(
    monkeypatch: pytest.MonkeyPatch, outside: Any
) -> None:
    monkeypatch.setenv("DURABLE_TEST_OUTSIDE", str(outside))
    tasks.contact("called")
    assert Note.objects.get().text == "called"
    with transaction.atomic():
        tasks.contact("undone")
        transaction.set_rollback(True)
    assert Note.objects.get().text == "called"
