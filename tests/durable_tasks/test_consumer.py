"""A worker dies of no message, and loses none: whatever comes, it is a task or a failed row."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from development.server import Server
from django.db import connection
from durable_shop import tasks

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Process, Start, failed, notes
from tests.durable_tasks.envelopes import WEIRD, changed, encoded, plain_message, push, waiting
from tests.servers import eventually


@pytest.fixture
def good(broker: Server) -> dict[str, Any]:
    """A message that runs `shop.plain`, which writes a note."""
    return plain_message(broker.url, "good")


def rows_of(reason: str) -> list[TaskRow]:
    return list(TaskRow.objects.filter(state=4, reason=reason).order_by("enqueued_at"))


def test_an_envelope_that_is_not_json_is_kept_as_it_came_and_the_worker_goes_on(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    worker = start_worker()
    items = [b"\xff\xfe", b"{", b"", b"null", b"[]", b"[" * 100_000, b'{"properties": 1}']
    push(broker.url, *items, good)
    eventually(lambda: notes() == ["good"])
    eventually(lambda: len(rows_of("malformed")) == len(items))
    assert sorted(bytes(row.message or b"") for row in rows_of("malformed")) == sorted(items)
    assert {row.queue for row in rows_of("malformed")} == {"default"}
    eventually(lambda: waiting(broker.url) == 0)
    assert "Unrecoverable" not in worker.words


def test_a_body_of_the_wrong_shape_is_kept_with_its_name_and_the_worker_goes_on(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    start_worker()
    bodies = [b"not JSON", b"\xff", {"a": 1}, [], [[], {}], ["x", {}, {}], [[], [], {}], None]
    push(broker.url, *(changed(good, "", "body", encoded(body)) for body in bodies), good)
    eventually(lambda: notes() == ["good"])
    eventually(lambda: len(rows_of("malformed")) == len(bodies))
    rows = rows_of("malformed")
    assert {row.name for row in rows} == {"shop.plain"}
    assert b"not JSON" in [bytes(row.message or b"") for row in rows]
    assert all(json.loads(row.options)["message"]["headers"]["task"] for row in rows)
    assert all(row.error and row.failed_at and row.first_failed_at for row in rows)


def test_a_message_that_names_no_task_is_kept(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    start_worker()
    push(broker.url, good | {"headers": {}, "body": encoded({"hello": "world"})})
    assert "names no task" in failed().error


def test_a_content_type_that_is_not_accepted_is_kept(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    start_worker()
    push(broker.url, good | {"content-type": "application/x-python-serialize"})
    assert "application/x-python-serialize" in failed().error
    assert "ContentDisallowed" in failed().traceback


@pytest.mark.parametrize("options", [("--pool", "prefork"), ("--pool", "solo")], ids=str)
def test_no_value_of_any_field_ends_the_worker_or_takes_its_place_away(
    start_worker: Start, broker: Server, good: dict[str, Any], options: tuple[str, ...]
) -> None:
    worker = start_worker(*options)
    fields = [(part, key) for part in ("headers", "properties") for key in good[part]]
    fields += [("", key) for key in good]
    fields += [("headers", key) for key in ("compression", "stamps", "stamped_headers", "chord")]
    messages = [changed(good, part, key, value) for part, key in fields for value in WEIRD]
    messages += [changed(good, "headers", "deep", deep) for deep in (nested(300), nested(900))]
    messages += [
        changed(good, "", "body", encoded([[nested(levels)], {}, {}])) for levels in (300, 900)
    ]
    push(broker.url, *messages, changed(good, "", "body", encoded([["last"], {}, {}])))
    eventually(lambda: "last" in notes(), 180)
    eventually(lambda: waiting(broker.url) == 0)
    # What was not kept has run: many values are good enough, in fields that nobody reads.
    eventually(lambda: len(rows_of("malformed")) > len(messages) / 3)
    assert worker.process.poll() is None
    assert "Unrecoverable" not in worker.words
    assert not rows_of("error")


def nested(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


def test_the_protocol_of_celery_3_is_understood_and_checked(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    start_worker()
    body = {"task": "shop.plain", "args": ["old"], "kwargs": {}, "retries": 0}
    bodies = [body | {"id": str(uuid4()), "timelimit": 5}, body, body | {"id": str(uuid4())}]
    bodies += [bodies[-1] | {"task": "shop.forgotten"}]
    push(broker.url, *(good | {"headers": {}, "body": encoded(each)} for each in bodies))
    eventually(lambda: notes() == ["old"] and len(rows_of("malformed")) == 3)
    assert "its task 'shop.forgotten' is not known" in rows_of("malformed")[-1].error


def test_remote_control_that_is_no_message_does_not_end_the_worker(
    start_worker: Start, broker: Server, good: dict[str, Any]
) -> None:
    from redis import Redis

    worker = start_worker()
    with Redis.from_url(broker.url) as server:
        eventually(lambda: server.pubsub_numpat())
        for item in (b"5", b"[]", b"null", b"{}", b"\xff", json.dumps(good).encode()):
            server.publish("/0.celery.pidbox", item)
    eventually(lambda: worker.words.count("is dropped") >= 4)
    push(broker.url, good)
    eventually(lambda: notes() == ["good"])


@contextmanager
def database_away() -> Iterator[None]:
    """Close the database to everybody, and open it again."""
    host, name = connection.settings_dict["HOST"], connection.settings_dict["NAME"]
    connection.close()
    with psycopg.connect(f"host={host} user=postgres dbname=postgres", autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[arg-type]


def tried_again(worker: Process) -> bool:
    return "stay unacknowledged" in worker.words


def test_with_the_database_away_a_bad_message_stays_at_the_broker_until_it_is_back(
    start_worker: Start, broker: Server
) -> None:
    worker = start_worker()
    with database_away():
        push(broker.url, b"first", b"second")
        eventually(lambda: tried_again(worker))
        assert waiting(broker.url) == 2
    eventually(lambda: waiting(broker.url) == 0 and len(rows_of("malformed")) == 2)
    kept = {bytes(row.message or b"") for row in rows_of("malformed")}
    assert kept == {b"first", b"second"}


def test_a_bad_message_that_waits_goes_back_to_the_queue_when_the_worker_is_stopped(
    start_worker: Start, broker: Server
) -> None:
    worker = start_worker()
    with database_away():
        push(broker.url, b"not lost")
        eventually(lambda: tried_again(worker))
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait(60)
        assert waiting(broker.url) == 1
    start_worker()
    assert bytes(failed().message or b"") == b"not lost"


@pytest.mark.parametrize("then", ["memory", "exit", "recursion"])
def test_what_would_end_the_process_fails_the_task_and_the_worker_goes_on(
    start_worker: Start, start_relay: Start, then: str
) -> None:
    start_relay()
    worker = start_worker()
    tasks.write_note.delay("effect", then=then)
    row = failed()
    assert row.reason == "error"
    assert row.crashes == 0
    tasks.write_note.delay("next")
    eventually(lambda: notes() == ["next"])
    assert "Unrecoverable" not in worker.words


def test_arguments_that_cannot_be_loaded_fail_the_task_and_the_worker_goes_on(
    start_worker: Start, start_relay: Start
) -> None:
    worker = start_worker()
    for text, number in zip(("[" * 100_000, "no JSON", "[1, 2, 3]"), count()):
        task_id = tasks.write_note.delay("effect").id
        TaskRow.objects.filter(id=task_id).update(arguments=text, rank=-number)
    start_relay()
    eventually(lambda: len(rows_of("error")) == 3)
    assert {row.crashes for row in rows_of("error")} == {0}
    tasks.write_note.delay("next")
    eventually(lambda: notes() == ["next"])
    assert "Unrecoverable" not in worker.words
