"""A rolling deploy: a task that some workers do not know waits for one that does, for a while."""

import json
import os
import threading
from datetime import timedelta
from socket import gethostname
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from development.server import Server
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from durable_shop.celery import app
from kombu import Message

from patterns.durable_tasks import malformed, obstacles, refusals, unknown, unsent
from patterns.durable_tasks.failed import Selection, discard, replay
from patterns.durable_tasks.message_calls import MessageCall
from patterns.durable_tasks.models import Event, TaskRow
from tests.durable_tasks.conftest import Start, failed, notes
from tests.durable_tasks.envelopes import durable_message, encoded, plain_message, push, waiting
from tests.durable_tasks.failures import fail
from tests.servers import eventually

NEW_TASK = "shop.of_the_next_version"
CALL = MessageCall(arguments="[[],{}]")


def published(name: str = NEW_TASK, **fields: Any) -> TaskRow:
    """Return a row as the relay leaves it."""
    return TaskRow.objects.create(
        id=uuid4(),
        name=name,
        queue="default",
        state=2,
        arguments="[[], {}]",
        publication=uuid4(),
        leased_until=timezone.now() + timedelta(seconds=30),
        **fields,
    )


def test_an_unknown_task_is_put_back_and_tried_again_in_ten_seconds(
    start_worker: Start, broker: Server
) -> None:
    worker = start_worker()
    row = published()
    push(broker.url, durable_message(broker.url, row.id, row.publication, task=NEW_TASK))
    eventually(lambda: TaskRow.objects.filter(id=row.id, state=0).exists())
    row.refresh_from_db()
    assert (row.publication, row.leased_until, row.reason) == (None, None, "")
    assert row.unknown_since is not None
    assert row.due_at - row.unknown_since == timedelta(seconds=unknown.PAUSE_SECONDS)
    eventually(lambda: waiting(broker.url) == 0)
    assert "Unrecoverable" not in worker.words


def test_the_main_process_waits_for_no_caller_that_holds_the_row_by_its_key() -> None:
    row, put_back = published(unique_key="k"), []

    def attempt() -> None:
        put_back.append(unknown.put_back(str(row.id), str(row.publication), NEW_TASK))

    with transaction.atomic():
        app.send_task(NEW_TASK, unique_key="k")
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(30)
        assert put_back == [False]
    assert TaskRow.objects.get().state == 2


def test_it_runs_on_the_worker_that_knows_it(start_worker: Start, start_relay: Start) -> None:
    start_worker()
    start_relay()
    app.send_task("shop.of_the_next_version", ["note"])
    eventually(lambda: TaskRow.objects.filter(state=0, unknown_since__isnull=False).exists())
    # The deploy: here the row gets the name that the worker knows.
    TaskRow.objects.update(name="shop.write_note", due_at=Now())
    eventually(lambda: notes() == ["note"])
    eventually(lambda: not TaskRow.objects.exists())


class WithoutEvents:
    """A worker's consumer."""

    hostname, event_dispatcher, app = "w@test", None, SimpleNamespace()


def test_a_worker_without_events_keeps_an_unknown_plain_task_and_tells_its_caller() -> None:
    """As one started with --without-gossip and --without-heartbeat."""
    told: list[str] = []
    backend = SimpleNamespace(mark_as_failure=lambda id, *_, **__: told.append(id))
    consumer = WithoutEvents()
    consumer.app = SimpleNamespace(backend=backend)
    message = Message(
        body=b"[[5], {}, {}]", headers={"task": "plain.gone", "id": str(uuid4())},
        content_type="application/json", content_encoding="utf-8",
    )  # fmt: skip
    unknown.keep_plain(consumer, message, KeyError("plain.gone"))
    assert told == [message.headers["id"]]
    row = failed()
    assert (row.name, row.reason, row.arguments) == ("plain.gone", "unknown", "[[5], {}]")


def test_nobody_knew_it_for_too_long_and_it_has_failed() -> None:
    row = published(unknown_since=timezone.now() - timedelta(seconds=3601), unique_key="key")
    assert unknown.put_back(str(row.id), str(row.publication), NEW_TASK, worker="old@test")
    row = failed()
    assert (row.reason, row.unique_key, row.publication) == ("unknown", None, None)
    assert row.failed_at is not None
    assert row.first_failed_at == row.failed_at
    assert NEW_TASK in row.error
    assert "Deploy the code" in row.error
    assert met_by(row) == ["old@test"]


def met_by(row: TaskRow) -> list[str]:
    """Return the workers that the history of a row's failures names."""
    return [each.at_worker for each in Event.objects.filter(task_id=row.id, kind="failed")]


def test_what_a_worker_knows_as_an_ordinary_task_waits_and_is_not_run_past_its_row(
    start_worker: Start, start_relay: Start
) -> None:
    worker = start_worker()
    start_relay()
    row = published("plain.foreign", shown='["()", "{}"]')
    TaskRow.objects.update(state=1, publication=None, arguments='[["x"], {}]')
    eventually(lambda: TaskRow.objects.filter(state=0, unknown_since__isnull=False).exists())
    told = f"plain.foreign[{row.id}] is not known to this worker as a durable task"
    eventually(lambda: told in worker.words)  # said after the row is written
    assert "missing 1 required positional argument" not in worker.words
    # The deploy: here the row gets a name that the worker knows as a durable one.
    TaskRow.objects.update(name="shop.write_note", due_at=Now())
    eventually(lambda: notes() == ["x"])


def test_what_nobody_knew_as_a_durable_task_for_too_long_has_failed_and_says_what_to_do(
    start_worker: Start, start_relay: Start
) -> None:
    start_worker(name="old@test", DURABLE_TEST_UNKNOWN="0.1")
    start_relay(DURABLE_TEST_UNKNOWN="0.1")
    published("plain.foreign", unknown_since=timezone.now(), shown='["()", "{}"]')
    TaskRow.objects.update(state=1, publication=None)
    row = failed()
    assert (row.reason, row.arguments, met_by(row)) == ("unknown", "[[], {}]", ["old@test"])
    assert "the base class Task is no DurableTask. Derive that class from DurableTask" in row.error
    replay(Selection(), by="ann")
    assert TaskRow.objects.get().worker == ""


def test_a_task_of_another_base_class_is_no_durable_one() -> None:
    durable = {"shop.write_note": True, "shop.plain": False, "plain.foreign": False, NEW_TASK: True}
    assert {name: refusals.is_durable(app, name) for name in durable} == durable
    for name in durable:
        told = {"name": name, "task": name, "args": ("x",), "kwargs": {}, "options": {}}
        assert unsent.keep(app, SimpleNamespace(**told), OSError("away"))
    rows = TaskRow.objects.filter(reason="unsent")
    assert {row.name: not row.plain for row in rows} == durable


def test_just_before_that_it_still_waits_and_the_time_counts_from_the_first_worker() -> None:
    since = timezone.now() - timedelta(seconds=3590)
    row = published(unknown_since=since)
    unknown.put_back(str(row.id), str(row.publication), NEW_TASK)
    row.refresh_from_db()
    assert (row.state, row.unknown_since) == (0, since)


def test_the_time_is_a_setting(settings: Any) -> None:
    settings.DURABLE_TASKS_UNKNOWN_TASK_SECONDS = 5
    row = published(unknown_since=timezone.now() - timedelta(seconds=6))
    unknown.put_back(str(row.id), str(row.publication), NEW_TASK)
    assert failed().id == row.id


@pytest.mark.parametrize(
    "change", [{"publication": UUID(int=1)}, {"state": 3}, {"state": 1}], ids=str
)
def test_an_old_message_changes_nothing(change: dict[str, Any]) -> None:
    row = published()
    publication = str(row.publication)
    TaskRow.objects.update(**change)
    before = TaskRow.objects.values().get()
    assert not unknown.put_back(str(row.id), publication, NEW_TASK)
    assert TaskRow.objects.values().get() == before


def test_a_message_with_a_token_that_is_none_is_dropped_and_the_worker_goes_on(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    push(
        broker.url,
        durable_message(broker.url, "no id", "no token", task=NEW_TASK),
        plain_message(broker.url, "next"),
    )
    eventually(lambda: notes() == ["next"])
    assert not TaskRow.objects.exists()


def test_a_plain_task_of_unknown_name_is_kept_with_its_arguments(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    message = plain_message(broker.url, "argument", task="shop.forgotten")
    push(broker.url, message)
    row = failed()
    assert (row.reason, row.name, row.queue) == ("unknown", "shop.forgotten", "default")
    assert str(row.id) == message["headers"]["id"]
    assert row.arguments == '[["argument"], {}]'
    assert b"argument" in bytes(row.message or b"")
    assert (row.worker, met_by(row)) == ("w0@test", ["w0@test"])
    assert row.origin == f"{gethostname()}:{os.getpid()}"
    assert "Deploy the code" in row.error
    eventually(lambda: waiting(broker.url) == 0)


def test_what_follows_an_unknown_plain_task_follows_its_replay_and_what_cannot_is_named(
    start_worker: Start, start_relay: Start, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker()
    message = plain_message(broker.url, "first", task="shop.forgotten")
    message["headers"]["timelimit"] = [100, 50]
    message["body"] = encoded(
        [
            ["first"],
            {},
            {
                "callbacks": [dict(app.tasks["shop.plain"].si("linked"))],
                "chain": [dict(app.tasks["shop.plain"].si("chained"))],
                "errbacks": [dict(app.tasks["shop.plain"].si("never"))],
                "chord": dict(app.tasks["shop.plain"].si("never")),
            },
        ]
    )
    push(broker.url, message)
    row = failed()
    assert "A replay runs without its link_error and chord" in row.error
    options = json.loads(row.options)
    assert (options["time_limit"], options["soft_time_limit"]) == (100, 50)
    # The deploy: here the row gets the name that the worker knows.
    TaskRow.objects.update(name="shop.plain")
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)
    assert replay(Selection(), by="ann").done == 1
    start_relay()
    eventually(lambda: sorted(notes()) == ["chained", "first", "linked"])
    eventually(lambda: not TaskRow.objects.exists())


@pytest.mark.parametrize("chain", ["x", ["x"], [{"task": 1}], {"task": "x"}], ids=str)
def test_a_chain_that_is_none_is_not_kept_and_the_arguments_are(
    start_worker: Start, broker: Server, chain: Any
) -> None:
    start_worker()
    message = plain_message(broker.url, "first", task="shop.forgotten")
    push(broker.url, message | {"body": encoded([["first"], {}, {"chain": chain}])})
    row = failed()
    assert row.arguments == '[["first"], {}]'
    assert "A replay runs without its chain" in row.error
    assert "chain" not in json.loads(row.options)


def test_a_chain_that_no_row_could_have_is_not_kept_and_the_arguments_are() -> None:
    chain = [{"task": "shop.plain", "args": [{1, 2}]}]  # a set, as pickle and YAML have it
    message = Message(b"", headers={"task": "shop.forgotten"})
    message._decoded_cache = [["first"], {}, {"chain": chain}]
    unknown.keep_call(message, "not known", str(uuid4()), "w@test")
    row = TaskRow.objects.get()
    assert row.arguments == '[["first"], {}]'
    assert "A replay runs without its chain" in row.error
    assert "chain" not in json.loads(row.options)


def test_of_an_unknown_plain_task_no_argument_is_shown_whatever_its_sender_says_of_them(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    message = plain_message(broker.url, "hunter1", task="shop.forgotten")
    message["headers"] |= {"argsrepr": "('hunter1',)", "kwargsrepr": "{'password': 'hunter2'}"}
    message["body"] = encoded([["hunter1"], {"password": "hunter2", "order": 7}, {}])
    push(broker.url, message)
    row = failed()
    assert json.loads(row.shown) == ["('***',)", "{'password': '***', 'order': 7}"]
    assert json.loads(row.arguments) == [["hunter1"], {"password": "hunter2", "order": 7}]


def test_a_plain_message_that_comes_twice_is_one_row_that_failed_twice(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    message = plain_message(broker.url, "twice", task="shop.forgotten")
    push(broker.url, message, message, plain_message(broker.url, "next"))
    eventually(lambda: notes() == ["next"])
    eventually(lambda: TaskRow.objects.filter(failures=2).exists())
    assert TaskRow.objects.count() == 1


def test_a_plain_message_whose_id_is_no_uuid_is_one_row_that_says_its_id(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    message = plain_message(broker.url, "twice", task="shop.forgotten")
    message["headers"]["id"] = "order 7"
    push(broker.url, message, message, plain_message(broker.url, "next"))
    eventually(lambda: notes() == ["next"])
    eventually(lambda: TaskRow.objects.filter(failures=2).exists())
    row = TaskRow.objects.get()
    assert "Its id was 'order 7'" in row.error


def test_of_a_message_no_more_than_a_million_bytes_and_the_end_of_a_traceback_are_kept() -> None:
    error = ValueError("the end of it")
    for n in range(2_000):
        error.add_note(f"note {n}")
    headers = {"task": "shop.forgotten", "id": "x", "large": "x" * 2_000_000}
    malformed.keep(Message(b"x" * 1_500_000, headers=headers), error)
    row = TaskRow.objects.get()
    assert bytes(row.message or b"") == b"x" * malformed.BODY_BYTES
    assert "1,500,000 bytes" in row.error
    assert row.error.startswith("ValueError: the end of it")
    assert len(row.options) <= malformed.HEADERS_CHARACTERS
    assert row.traceback.rstrip().endswith("note 1999")


def kept(task_id: Any) -> UUID:
    """Keep a plain task's message of that id, and return whose row it is in."""
    broken = Message(b"again", headers={"task": "shop.forgotten", "id": str(task_id)})
    return malformed.keep(broken, "again", reason="unknown", task_id=task_id, call=CALL)


def test_a_plain_message_of_a_discarded_row_is_that_row_failed_again() -> None:
    row = fail("x", plain=True)
    discard(Selection(ids=(row.id,)), by="ann")
    assert kept(row.id) == row.id
    after = TaskRow.objects.get()
    assert (after.state, after.discarded_at, after.failures) == (4, None, 2)
    assert (after.error, after.reason, after.traceback) == ("again", "unknown", "")


@pytest.mark.parametrize("other", [{"state": 2, "plain": True}, {"plain": False}], ids=str)
def test_a_plain_message_whose_id_is_anothers_gets_a_row_of_its_own(other: dict[str, Any]) -> None:
    row = fail("x", **other)
    before = TaskRow.objects.values().get()
    own = kept(row.id)
    assert own != row.id
    assert TaskRow.objects.values().get(pk=row.id) == before
    assert TaskRow.objects.get(pk=own).error == "again"
