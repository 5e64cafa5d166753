"""Rows and transactions: what is enqueued with whose commit, once, and without the broker."""

import asyncio
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from celery import chain, group
from django.db import OperationalError, connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient
from django.urls import path
from django.utils import timezone
from durable_shop import tasks
from durable_shop.celery import app
from durable_shop.models import Note

from patterns.durable_tasks import claim, enqueue, lost, marking, new_row, promotion
from patterns.durable_tasks.errors import ArgumentsRefused, NotKept, OtherDatabase, QueueFull
from patterns.durable_tasks.models import QueueRow, State, TaskRow
from tests.servers import eventually

Enqueue = Callable[[], Any]


def count() -> int:
    return TaskRow.objects.count()


DOORS: dict[str, Enqueue] = {
    "delay": lambda: tasks.write_note.delay("one"),
    "apply_async": lambda: tasks.write_note.apply_async(("one",), countdown=5),
    "delay_on_commit": lambda: tasks.write_note.delay_on_commit("one"),
    "send_task": lambda: app.send_task("shop.write_note", ("one",)),
    "send_task unknown": lambda: app.send_task("elsewhere.unknown", ("one",)),
    "signature": lambda: tasks.write_note.s("one").delay(),
    "chain": lambda: chain(tasks.write_note.s("one"), tasks.chained.s("two")).apply_async(),
    "group": lambda: group(tasks.write_note.s("one")).apply_async(),
    "enqueue_many": lambda: tasks.write_note.enqueue_many([(("one",), {})]),
}
each_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())


@each_door
def test_every_door_commits_and_rolls_back_with_the_transaction(door: Enqueue) -> None:
    with transaction.atomic():
        door()
        transaction.set_rollback(True)
    assert count() == 0
    with transaction.atomic():
        TaskRow.objects.count()  # or the inner block would be the outer one
        with transaction.atomic():
            door()
            transaction.set_rollback(True)
    assert count() == 0
    door()
    assert count() == 1


# An audit hook cannot be removed: one for all tests, on while one of them asks.
_addresses: list[Any] = []
_is_watching = threading.Event()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching.is_set() and event == "socket.connect":
        _addresses.append(arguments[1])


sys.addaudithook(_watch)


@pytest.fixture
def connects() -> Iterator[list[Any]]:
    """The addresses that Python's sockets are connected to; psycopg's are C's."""
    _addresses.clear()
    _is_watching.set()
    yield _addresses
    _is_watching.clear()


@pytest.fixture
def frozen_broker() -> Iterator[None]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        before = app.conf.broker_url
        app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = (
            f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        )
        app._after_fork()
        yield
        app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = before
        app._after_fork()


@each_door
@pytest.mark.parametrize("in_transaction", [True, False])
def test_no_door_opens_a_connection_to_a_frozen_broker(
    door: Enqueue, in_transaction: bool, frozen_broker: None, connects: list[Any]
) -> None:
    if in_transaction:
        with transaction.atomic():
            door()
    else:
        door()
    assert (connects, count()) == ([], 1)


def test_the_watch_sees_a_plain_task_that_is_published(broker: Any, connects: list[Any]) -> None:
    tasks.plain.delay("one")
    assert connects
    assert count() == 0


def test_adelay_enqueues_from_async_code() -> None:
    async def view() -> str:
        result = await tasks.write_note.adelay("one")
        await tasks.write_note.aapply_async(("two",), countdown=9)
        await sync_to_async(connections.close_all)()  # of a thread that lives on
        return str(result.id)

    first = asyncio.run(view())
    assert count() == 2
    assert TaskRow.objects.filter(pk=first).exists()


async def enqueuing(request: HttpRequest) -> HttpResponse:
    result = await tasks.write_note.adelay("from a view")
    return HttpResponse(str(result.id))


urlpatterns = [path("enqueue/", enqueuing)]


def test_adelay_enqueues_from_an_async_view(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []

    async def ask() -> HttpResponse:
        answer = await AsyncClient().get("/enqueue/")
        await sync_to_async(connections.close_all)()  # of a thread that lives on
        return answer

    response = asyncio.run(ask())
    assert str(TaskRow.objects.get().pk) == response.content.decode()


def test_delay_in_async_code_names_adelay() -> None:
    async def view() -> None:
        tasks.write_note.delay("one")

    with pytest.raises(NotKept, match="await adelay"):
        asyncio.run(view())


def test_a_unique_key_enqueues_once_while_it_has_not_started() -> None:
    first = tasks.write_note.apply_async(("one",), unique_key="k")
    second = tasks.write_note.apply_async(("two",), unique_key="k")
    other = tasks.write_note.apply_async(("three",), unique_key="other")
    assert first.id == second.id != other.id
    assert count() == 2


def test_a_unique_key_is_free_when_its_task_has_started() -> None:
    first = tasks.write_note.apply_async(("one",), unique_key="k")
    publication = uuid.uuid4()
    TaskRow.objects.update(state=2, publication=publication)
    assert claim.claim(first.id, str(publication), "w@test")
    assert tasks.write_note.apply_async(("two",), unique_key="k").id != first.id


def test_a_unique_key_of_a_rolled_back_transaction_is_free() -> None:
    with transaction.atomic():
        tasks.write_note.apply_async(("one",), unique_key="k")
        transaction.set_rollback(True)
    tasks.write_note.apply_async(("two",), unique_key="k")
    assert count() == 1


def test_one_unique_key_twice_in_a_bulk_is_one_row() -> None:
    ids = tasks.write_note.enqueue_many([(("one",), {}), (("two",), {})], unique_key="k")
    assert (len(set(ids)), count()) == (1, 1)


@pytest.mark.parametrize("commits", [True, False])
def test_a_uncommitted_unique_key_is_waited_for(commits: bool) -> None:
    ids: list[str] = []

    def second() -> None:
        ids.append(tasks.write_note.apply_async(("two",), unique_key="k").id)
        connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        first = tasks.write_note.apply_async(("one",), unique_key="k").id
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        transaction.set_rollback(not commits)
    thread.join(60)
    assert (ids == [first], count()) == (commits, 1)


def test_twenty_at_once_with_one_unique_key_are_one_row() -> None:
    ids: list[str] = []

    def one() -> None:
        ids.append(tasks.write_note.apply_async(("one",), unique_key="k").id)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(ids), len(set(ids)), count()) == (20, 1, 1)


def on_its_way(unique_key: str) -> TaskRow:
    """Return the row of a key whose message a worker may take at any moment."""
    tasks.write_note.apply_async(("one",), unique_key=unique_key)
    soon = timezone.now() + timedelta(seconds=60)
    TaskRow.objects.update(state=State.PUBLISHED, publication=uuid.uuid4(), leased_until=soon)
    return TaskRow.objects.get(unique_key=unique_key)


@pytest.mark.parametrize("commits", [True, False])
def test_a_run_sees_what_the_callers_changed_for_whom_it_stands(
    commits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "HELD_FOR_SECONDS", 60)
    row, seen = on_its_way("k"), []

    def run() -> None:
        assert claim.claim(str(row.id), str(row.publication), "w@test")
        seen.append(list(Note.objects.values_list("text", flat=True)))
        connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        Note.objects.create(text="changed")
        assert tasks.write_note.apply_async(("two",), unique_key="k").id == str(row.id)
        thread.start()
        thread.join(1)
        assert thread.is_alive()  # it does not begin while the change is not committed
        transaction.set_rollback(not commits)
    thread.join(30)
    assert seen == [["changed"] if commits else []]
    assert tasks.write_note.apply_async(("three",), unique_key="k").id != str(row.id)


def test_callers_with_the_key_of_one_row_do_not_wait_for_each_other() -> None:
    row, ids = on_its_way("k"), []

    def second() -> None:
        ids.append(tasks.write_note.apply_async(("two",), unique_key="k").id)
        connection.close()

    with transaction.atomic():
        tasks.write_note.apply_async(("one",), unique_key="k")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)
    assert ids == [str(row.id)]


def beside(run: Callable[[], object]) -> None:
    """Do it in another session, while this one holds a row."""

    def alone() -> None:
        run()
        connection.close()
        done.append(True)

    done: list[bool] = []
    thread = threading.Thread(target=alone)
    thread.start()
    thread.join(60)
    assert done


def test_a_row_that_is_held_by_its_key_is_due_published_and_looked_for_as_others() -> None:
    first = tasks.write_note.apply_async(("one",), unique_key="k", countdown=3600)
    QueueRow.objects.create(name="default")
    TaskRow.objects.update(due_at=timezone.now())
    due_at, marked = TaskRow.objects.get().due_at, []
    with transaction.atomic():
        assert tasks.write_note.apply_async(("two",), unique_key="k").id == first.id
        beside(promotion.promote)
        beside(lambda: marked.extend(marking.mark("default")))
        assert [str(row.id) for row in marked] == [first.id]
        TaskRow.objects.update(leased_until=timezone.now())
    with transaction.atomic():
        tasks.write_note.apply_async(("three",), unique_key="k")
        beside(lambda: lost.publish_again("default", lambda: 0))
        assert TaskRow.objects.get().state == State.READY
        beside(lambda: marked.extend(marking.mark("default")))
        beside(lambda: marking.doubt(marked))
        beside(lambda: marking.unmark(marked))
        assert (TaskRow.objects.get().state, TaskRow.objects.get().due_at) == (State.READY, due_at)


def test_a_key_that_is_used_all_the_time_is_started_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given eight callers of whom some always hold the row, then it is claimed between them."""
    monkeypatch.setattr(claim, "HELD_FOR_SECONDS", 60)
    row, is_over = on_its_way("k"), threading.Event()

    def call() -> None:
        while not is_over.is_set():
            with transaction.atomic():
                tasks.write_note.apply_async(("two",), unique_key="k")
                is_over.wait(0.1)
        connection.close()

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    try:
        beside(lambda: claim.claim(str(row.id), str(row.publication), "w@test"))
        assert TaskRow.objects.get(pk=row.id).state == State.RUNNING
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


def test_a_row_that_is_being_claimed_stands_for_nobody() -> None:
    """Given a claim that commits after a caller has looked for the row, and before it has it."""
    row, found = on_its_way("k"), []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute(enqueue._STANDS_FOR_IT, ["k"])
            found.append(cursor.fetchone()[0])
        connection.close()

    def waits_for_the_row() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
                " AND query LIKE '%durable_tasks_stands_for(%' AND pid <> pg_backend_pid()"
            )
            return bool(cursor.fetchone()[0])

    caller = threading.Thread(target=look)
    with transaction.atomic():
        assert claim.claim(str(row.id), str(row.publication), "w@test")
        caller.start()
        beside(lambda: eventually(waits_for_the_row, 30))
    caller.join(60)
    assert found == [None]


def test_a_worker_gives_up_a_message_whose_caller_does_not_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, raised = on_its_way("k"), []
    # Not as for a database that is away: other tasks could run meanwhile.
    monkeypatch.setattr(claim, "HELD_FOR_SECONDS", 0.1)
    monkeypatch.setattr(claim, "CLAIM_FOR_SECONDS", 3600)

    def run() -> None:
        with pytest.raises(OperationalError, match="by its unique key"):
            claim.claim(str(row.id), str(row.publication), "w@test")
        raised.append(True)
        connection.close()

    with transaction.atomic():
        tasks.write_note.apply_async(("two",), unique_key="k")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
        assert raised == [True]
    assert TaskRow.objects.get().state == State.PUBLISHED  # the end of its lease brings it back


def test_a_full_queue_refuses_and_the_transaction_goes_on() -> None:
    QueueRow.objects.create(name="default", is_full=True)
    with transaction.atomic():
        with pytest.raises(QueueFull, match=r"'default' has reached its cap, so shop\.write_note"):
            tasks.write_note.delay("one")
        with pytest.raises(QueueFull):
            tasks.write_note.enqueue_many([(("one",), {})] * 3)
        tasks.write_note.apply_async(("two",), queue="other")
    assert count() == 1


def test_a_unique_task_that_waits_in_a_full_queue_is_found() -> None:
    first = tasks.write_note.apply_async(("one",), unique_key="k")
    QueueRow.objects.create(name="default", is_full=True)
    assert tasks.write_note.apply_async(("one",), unique_key="k").id == first.id


ID = "11111111-1111-4111-8111-111111111111"


def test_the_same_call_with_the_same_id_is_one_task() -> None:
    for _ in range(2):
        tasks.write_note.apply_async(("one",), task_id=ID)
    assert count() == 1


def test_another_call_with_an_id_in_use_is_refused_and_the_transaction_goes_on() -> None:
    with transaction.atomic():
        tasks.write_note.apply_async(("one",), task_id=ID)
        with pytest.raises(NotKept, match="has not ended"):
            tasks.write_note.apply_async(("two",), task_id=ID)
        tasks.write_note.delay("three")
    assert count() == 2


def test_a_call_with_the_id_of_a_failed_task_is_refused() -> None:
    tasks.write_note.apply_async(("one",), task_id=ID)
    TaskRow.objects.update(state=4)
    with pytest.raises(NotKept, match="replay"):
        tasks.write_note.apply_async(("one",), task_id=ID)


def test_a_transaction_on_another_database_alone_is_refused() -> None:
    connections.settings["second"] = {**connections.settings["default"]}
    connections["second"].settings_dict["HOST"] = connection.settings_dict["HOST"]
    try:
        with transaction.atomic(using="second"):
            with pytest.raises(OtherDatabase, match=r"open on second.*'default'"):
                tasks.write_note.delay("one")
            with transaction.atomic():
                tasks.write_note.delay("two")
        assert count() == 1
    finally:
        connections["second"].close()
        del connections["second"]
        del connections.settings["second"]


def test_what_is_too_large_or_no_json_leaves_the_transaction_usable() -> None:
    with transaction.atomic():
        with pytest.raises(ArgumentsRefused):
            tasks.write_note.delay("x" * 70_000)
        with pytest.raises(ArgumentsRefused):
            tasks.write_note.delay(object())
        tasks.write_note.delay("\x00\ud800")
    assert count() == 1


def test_a_sleeping_relay_is_notified_with_the_commit() -> None:
    QueueRow.objects.create(name="default", is_listened=True)
    listener = connections.create_connection("default")
    try:
        listener.ensure_connection()
        listener.set_autocommit(True)
        listener.connection.execute(f"LISTEN {enqueue.CHANNEL}")
        with transaction.atomic():
            tasks.write_note.delay("one")
            assert not list(listener.connection.notifies(timeout=0.2))
        assert list(listener.connection.notifies(timeout=10, stop_after=1))
        tasks.write_note.enqueue_many([(("one",), {})])
        assert list(listener.connection.notifies(timeout=10, stop_after=1))
        tasks.write_note.apply_async(("two",), queue="other")  # nobody sleeps there
        assert not list(listener.connection.notifies(timeout=0.2))
    finally:
        listener.close()


def test_ids_of_a_process_are_in_the_order_in_which_it_enqueued() -> None:
    ids = [new_row.new_id() for _ in range(200)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 200
    assert {(id.version, id.variant) for id in ids} == {(7, uuid.RFC_4122)}


def test_what_error_trackers_print_of_locals_holds_no_arguments() -> None:
    row = new_row.NewRow(
        id=new_row.new_id(),
        name="n",
        queue="q",
        max_crashes=3,
        arguments="private",
        shown="shown",
        options="private too",
    )
    claimed = claim.Claim(
        id=row.id,
        token=row.id,
        name="n",
        queue="q",
        arguments="private",
        options="private too",
        retries=0,
        crashes=0,
    )
    assert "private" not in f"{row!r} {claimed!r}"
    assert str(row.id) in repr(row)
    assert str(row.id) in repr(claimed)
