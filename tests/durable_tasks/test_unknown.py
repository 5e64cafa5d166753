"""A rolling deploy: a task that some workers do not know waits for one that does, for a while."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from development.server import Server
from django.db.models.functions import Now
from django.utils import timezone
from durable_shop.celery import app
from kombu import Message

from patterns.durable_tasks import malformed, unknown
from patterns.durable_tasks.failed import Selection, discard
from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, failed, notes
from tests.durable_tasks.envelopes import durable_message, encoded, plain_message, push, waiting
from tests.durable_tasks.failures import fail
from tests.queued_mail.conftest import eventually

NEW_TASK = "shop.of_the_next_version"


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


def test_it_runs_on_the_worker_that_knows_it(start_worker: Start, start_relay: Start) -> None:
    start_worker()
    start_relay()
    app.send_task("shop.of_the_next_version", ["note"])
    eventually(lambda: TaskRow.objects.filter(state=0, unknown_since__isnull=False).exists())
    # The deploy: here the row gets the name that the worker knows.
    TaskRow.objects.update(name="shop.write_note", due_at=Now())
    eventually(lambda: notes() == ["note"])
    eventually(lambda: not TaskRow.objects.exists())


def test_nobody_knew_it_for_too_long_and_it_has_failed() -> None:
    row = published(unknown_since=timezone.now() - timedelta(seconds=3601), unique_key="key")
    assert unknown.put_back(str(row.id), str(row.publication), NEW_TASK)
    row = failed()
    assert (row.reason, row.unique_key, row.publication) == ("unknown", None, None)
    assert row.failed_at is not None
    assert row.first_failed_at == row.failed_at
    assert NEW_TASK in row.error
    assert "Deploy the code" in row.error


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
    assert "Deploy the code" in row.error
    eventually(lambda: waiting(broker.url) == 0)


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
    return malformed.keep(broken, "again", reason="unknown", task_id=task_id, arguments="[[],{}]")


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
