"""What is published, in which order, how much of it, and what is not."""

import json
import threading
from typing import Any

import pytest
import redis
from celery import Celery
from development.server import Server
from django.db import connection, connections, transaction
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import marking, publication, resting
from patterns.durable_tasks.broker import Broker
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.messages import ids, messages
from tests.servers import eventually


@pytest.fixture
def relay(broker: Server, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        QueueRow.objects.create(name="default")
        relay = Relay(app)
        yield relay
        relay.broker.close()


def enqueue(count: int, **options: Any) -> list[str]:
    """Enqueue one after the other: of one statement's rows nobody says which is the oldest."""
    return [tasks.write_note.apply_async([f"n{i}"], **options).id for i in range(count)]


def test_a_message_names_the_row_and_carries_neither_arguments_nor_secrets(
    relay: Relay, broker: Server
) -> None:
    tasks.log_in.delay("anna", password="hunter2")
    relay.turn()
    (headers,) = messages(broker)
    row = TaskRow.objects.get()
    assert headers["id"] == str(row.pk)
    assert headers["durable_publication"] == str(row.publication)
    with redis.Redis.from_url(broker.url) as client:
        raw = client.lrange("default", 0, -1)[0]
    assert b"hunter2" not in raw
    assert b"W1tdLCB7fSwg" in raw  # the body: no arguments, in base64


def test_a_window_is_filled_and_not_passed(relay: Relay, broker: Server, settings: Any) -> None:
    settings.DURABLE_TASKS_WINDOW = 20
    enqueue(100)
    for _ in range(5):
        relay.turn()
    assert len(ids(broker)) == 20
    assert TaskRow.objects.filter(state=2).count() == 20


def test_a_window_is_refilled_at_half_and_not_before(
    relay: Relay, broker: Server, settings: Any
) -> None:
    settings.DURABLE_TASKS_WINDOW = 20
    enqueue(100)
    relay.turn()
    started = TaskRow.objects.filter(id__in=ids(broker)[:9])
    started.update(state=3)
    relay.turn()
    assert len(ids(broker)) == 20
    TaskRow.objects.filter(id__in=ids(broker)[9:10]).update(state=3)
    relay.turn()
    assert TaskRow.objects.filter(state=2).count() == 20


def test_two_relays_at_once_do_not_each_fill_the_window(
    relay: Relay, settings: Any, django_db_blocker: Any
) -> None:
    settings.DURABLE_TASKS_WINDOW = 10
    for _ in range(15):
        TaskRow.objects.all().delete()
        enqueue(60)
        barrier = threading.Barrier(4)

        def mark(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            for _ in range(3):
                marking.mark("default")
            connections.close_all()

        threads = [threading.Thread(target=mark) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert TaskRow.objects.filter(state=2).count() == 10


def test_a_relay_that_counted_before_the_lock_was_free_does_not_pass_the_window(
    relay: Relay, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a relay that holds the queue, when it commits between another's lock and count."""
    settings.DURABLE_TASKS_WINDOW = 10
    enqueue(60)
    assert len(marking.mark("default")) == 10
    assert marking.mark("default") == []
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("SELECT FROM durable_tasks_queue FOR UPDATE")
            TaskRow.objects.filter(state=2).delete()
            assert marking.mark("default") == []  # held: the other relay's
    finally:
        other.rollback()
        other.close()
    assert len(marking.mark("default")) == 10


def test_the_lowest_rank_goes_first_then_the_oldest(
    relay: Relay, broker: Server, settings: Any
) -> None:
    settings.DURABLE_TASKS_WINDOW = 4
    later = enqueue(3, priority=9)
    sooner = enqueue(3, priority=0)
    relay.turn()
    assert ids(broker) == [*sooner, later[0]]


def test_what_is_due_later_is_published_then(relay: Relay, broker: Server) -> None:
    row_id = tasks.write_note.apply_async(["later"], countdown=3600).id
    relay.turn()
    assert ids(broker) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE durable_tasks_task SET due_at = now()")
    relay.upkeep.turn_at = 0.0
    relay.turn()
    relay.turn()
    assert ids(broker) == [row_id]


def test_one_bad_row_fails_alone(relay: Relay, broker: Server) -> None:
    good = enqueue(3)
    TaskRow.objects.filter(id=good[1]).update(shown="not JSON")
    relay.turn()
    assert ids(broker) == [good[0], good[2]]
    row = TaskRow.objects.get(state=4)
    assert (str(row.pk), row.reason) == (good[1], "unpublishable")
    assert "JSONDecodeError" in row.error


def test_a_row_whose_headers_are_too_large_for_a_frame_fails_alone(
    relay: Relay, broker: Server
) -> None:
    """Given a row that no call of today wrote; the largest that a call writes goes out."""
    bad, good = enqueue(2)
    TaskRow.objects.filter(id=bad).update(options=json.dumps({"headers": {"a": "x" * 70_000}}))
    headers, characters = {"trace": "x" * 32_000}, "\N{GRINNING FACE}" * 2_000
    largest = tasks.log_in.apply_async([characters, characters], headers=headers).id
    relay.turn()
    assert ids(broker) == [good, largest]
    row = TaskRow.objects.get(state=4)
    assert (str(row.pk), row.reason) == (bad, "unpublishable")
    assert "headers are 70," in row.error
    assert "more than 65,536" in row.error


def test_a_row_that_cannot_be_serialised_fails_alone(
    relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = enqueue(3)
    built = publication._message

    def build(app: Celery, row: marking.Marked) -> Any:
        made = built(app, row)
        if made is not None and str(row.id) == good[0]:
            made[0]["strange"] = object()
        return made

    monkeypatch.setattr(publication, "_message", build)
    relay.turn()
    assert ids(broker) == good[1:]
    assert TaskRow.objects.get(state=4).reason == "unpublishable"


def test_publishing_is_outside_of_any_transaction(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_transaction: list[bool] = []
    publish, depth = publication.publish, Broker.depth

    def watch(*args: Any) -> int:
        in_transaction.append(connection.in_atomic_block)
        return publish(*args)

    def look(self: Broker, queue: str) -> int:
        in_transaction.append(connection.in_atomic_block)
        return depth(self, queue)

    monkeypatch.setattr(publication, "publish", watch)
    monkeypatch.setattr(Broker, "depth", look)
    enqueue(2)
    relay.turn()
    TaskRow.objects.update(leased_until="2020-01-01T00:00Z")
    relay.turn()
    assert in_transaction == [False, False]


def test_what_was_not_sent_is_ready_again_at_once(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(2)

    def end(*_: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(publication, "_message", end)
    with pytest.raises(SystemExit):
        relay.turn()
    assert TaskRow.objects.filter(state=1, publication=None).count() == 2


def test_a_batch_travels_together(relay: Relay, broker: Server, settings: Any) -> None:
    """Given 200 messages, when they are published, then the broker reads a few times."""
    enqueue(200)
    relay.turn()
    TaskRow.objects.filter(state=2).delete()
    assert relay.broker.producer().supports_batch_publish
    enqueue(200)
    with redis.Redis.from_url(broker.url) as client:
        before = client.info("stats")["total_reads_processed"]
        relay.turn()
        reads = client.info("stats")["total_reads_processed"] - before
    assert len(ids(broker)) == 400
    assert reads < 100


def test_an_undeclared_queue_does_not_stop_the_others(
    relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.write_note.apply_async(["x"], queue="aaa")
    (good,) = enqueue(1)
    target = Broker.target

    def refuse(self: Broker, queue: str) -> Any:
        if queue == "aaa":
            raise KeyError("aaa")
        return target(self, queue)

    monkeypatch.setattr(Broker, "target", refuse)
    for _ in range(3):
        relay.turn()
    assert ids(broker) == [good]
    assert relay.outage is None


def test_a_queue_that_the_broker_refuses_rests_alone(
    relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a key of another type under a queue's name, then no other waits for an outage."""
    monkeypatch.setattr(resting, "FIRST_SECONDS", 60.0)  # a rest that outlasts the turns below
    with redis.Redis.from_url(broker.url) as client:
        client.set("aaa", "no list")
        tasks.write_note.apply_async(["x"], queue="aaa")
        sent = enqueue(1)
        tried: list[str] = []
        target = Broker.target

        def note(self: Broker, queue: str) -> Any:
            tried.append(queue)
            return target(self, queue)

        monkeypatch.setattr(Broker, "target", note)
        while "aaa" not in relay.refused:
            relay.turn()
        for _ in range(3):
            sent += enqueue(1)
            relay.turn()
            assert relay.outage is None
            assert not relay.broker.is_new  # it was there: nothing else is looked for again
        assert ids(broker) == sent
        assert tried.count("aaa") == 1
        client.delete("aaa")
        relay._resting._until.clear()  # its rest is over
        relay.turn()
        assert len(ids(broker, "aaa")) == 1
    assert relay.refused == {}


def test_a_broker_that_goes_away_after_it_has_refused_something_is_a_new_one(
    relay: Relay, broker: Server
) -> None:
    """It may come back empty, so everything is looked for."""
    relay.broker.producer()
    relay.broker.is_new = False
    relay.broker.renew()
    relay.broker.close()  # as in any outage
    relay.broker.producer()
    assert relay.broker.is_new


def test_a_queue_that_the_database_refuses_rests_alone(
    relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(1, queue="aaa")
    sent = enqueue(1)
    mark = marking.mark

    def refuse(queue: str) -> Any:
        if queue == "aaa":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return mark(queue)

    monkeypatch.setattr(marking, "mark", refuse)
    while "aaa" not in relay.refused:
        relay.turn()
    assert ids(broker) == sent


def test_a_rolled_back_task_is_never_published(relay: Relay, broker: Server) -> None:
    with transaction.atomic():
        enqueue(3)
        transaction.set_rollback(True)
    relay.turn()
    assert ids(broker) == []


def test_a_relay_that_is_woken_all_the_time_looks_at_everything_too(
    relay: Relay, broker: Server
) -> None:
    enqueue(1)

    def is_published() -> bool:
        relay._hurried = {"another"}  # commits of another queue, which never cease
        relay.turn()
        return bool(ids(broker))

    eventually(is_published)
