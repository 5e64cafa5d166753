"""Relays as processes, with brokers and databases that come and go."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg
import pytest
import redis
from development.postgres import start_postgres
from development.server import Server
from development.valkey import start_valkey
from django.db import connection
from durable_shop import tasks

from patterns.durable_tasks.models import QueueRow, TaskRow
from tests.durable_tasks.conftest import PATHS, Process, Start, all_done, notes
from tests.durable_tasks.messages import frozen, ids
from tests.durable_tasks.test_publication import enqueue
from tests.servers import eventually, socket_folder

# A relay that nothing wakes, nor a lease that ends: not within a test.
NEVER = "3600"


def ends_soon(relay: Process) -> bool:
    relay.process.terminate()
    # One that waited for its next look, or for what is frozen, would not end at all.
    assert relay.process.wait(60) == 0
    return True


def is_listening() -> bool:
    return QueueRow.objects.filter(is_listened=True).exists()


def bulk(count: int) -> list[str]:
    return tasks.write_note.enqueue_many([((f"n{i}",), {}) for i in range(count)])


def test_three_relays_publish_each_message_once(start_relay: Start, broker: Server) -> None:
    """Given a backlog of many windows, as fast as a worker takes it."""
    row_ids = bulk(2000)
    for _ in range(3):
        start_relay(DURABLE_TEST_WINDOW="100")
    seen: list[str] = []

    def taken_all() -> bool:
        # A worker that starts and ends everything it is given.
        assert TaskRow.objects.filter(state=2).count() <= 100
        with redis.Redis.from_url(broker.url) as client:
            assert client.llen("default") <= 100
        now = ids(broker)
        with redis.Redis.from_url(broker.url) as client:
            client.ltrim("default", 0, -1 - len(now)) if now else None
        seen.extend(now)
        TaskRow.objects.filter(id__in=now).delete()
        return len(seen) >= 2000

    eventually(taken_all)
    time.sleep(0.5)
    assert ids(broker) == []
    assert sorted(seen) == sorted(row_ids)


def test_a_commit_wakes_the_relay(start_relay: Start, broker: Server) -> None:
    """Given a relay that looks once an hour, when something is enqueued, then it is told."""
    QueueRow.objects.create(name="default")
    start_relay(DURABLE_TEST_POLL=NEVER)
    for count in range(1, 4):
        eventually(is_listening)
        enqueue(1)
        eventually(lambda count=count: len(ids(broker)) == count)


def test_commits_do_not_notify_while_the_relay_is_busy(start_relay: Start, broker: Server) -> None:
    QueueRow.objects.create(name="default")
    start_relay(DURABLE_TEST_POLL=NEVER, DURABLE_TEST_WINDOW="8")
    eventually(is_listening)
    bulk(100)
    with redis.Redis.from_url(broker.url) as client:

        def is_left_out() -> bool:
            client.delete("default")
            TaskRow.objects.filter(state=2).delete()
            return QueueRow.objects.filter(is_listened=False).exists()

        eventually(is_left_out)


def test_a_relay_ends_while_it_waits_to_be_woken(start_relay: Start) -> None:
    QueueRow.objects.create(name="default")
    relay = start_relay(DURABLE_TEST_POLL=NEVER)
    eventually(is_listening)
    assert ends_soon(relay)


def test_a_relay_ends_while_the_broker_is_frozen(start_relay: Start, broker: Server) -> None:
    relay = start_relay()
    with frozen(broker.process.pid):
        enqueue(1)
        time.sleep(1.5)
        assert ends_soon(relay)


def test_a_relay_ends_while_the_database_is_frozen(start_relay: Start) -> None:
    QueueRow.objects.create(name="default")
    relay = start_relay()
    eventually(is_listening)
    backends = _backends_of(relay)
    assert backends
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1)
        assert ends_soon(relay)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)


def test_a_broker_that_is_frozen_and_woken(start_relay: Start, broker: Server) -> None:
    relay = start_relay(DURABLE_TEST_PUBLICATION_LEASE=NEVER)
    (first,) = enqueue(1)
    eventually(lambda: ids(broker) == [first])
    with frozen(broker.process.pid):
        (second,) = enqueue(1)
        eventually(lambda: "The broker is away" in relay.words)
    eventually(lambda: set(ids(broker)) == {first, second})
    assert relay.process.poll() is None


def test_a_broker_that_is_stopped_and_comes_back_empty(
    start_relay: Start, start_worker: Start, broker: Server, tmp_path: Path
) -> None:
    relay = start_relay(DURABLE_TEST_PUBLICATION_LEASE=NEVER)
    enqueue(3)
    eventually(lambda: len(ids(broker)) == 3)
    port = int(broker.url.rpartition(":")[2].partition("/")[0])
    password = broker.url.split("@")[0].rpartition(":")[2]
    broker.stop()
    enqueue(3)
    eventually(lambda: "The broker is away" in relay.words)
    again = start_valkey(tmp_path / "again", port=port, durable=False)
    try:
        with redis.Redis.from_url(again.url) as client:
            assert client.dbsize() == 0  # which lets nobody in who has the old password
            client.config_set("requirepass", password)
        # Before any lease ends: after a connection the relay looks for everything.
        eventually(lambda: len(set(ids(broker))) == 6)
        start_worker()
        eventually(all_done)
        assert len(notes()) == 6
        assert relay.process.poll() is None
    finally:
        again.stop()


def test_a_broker_that_is_full_and_has_room_again(start_relay: Start, broker: Server) -> None:
    relay = start_relay(DURABLE_TEST_PUBLICATION_LEASE=NEVER)
    (first,) = enqueue(1)
    eventually(lambda: ids(broker) == [first])
    with redis.Redis.from_url(broker.url) as client:
        client.config_set("maxmemory", 1)
        enqueue(3)
        eventually(lambda: "Queue default cannot be published to" in relay.words)
        assert ids(broker) == [first]
        assert relay.process.poll() is None
        client.config_set("maxmemory", 0)
    eventually(lambda: len(set(ids(broker))) == 4)


def test_a_relay_killed_between_mark_and_publication(
    start_relay: Start, broker: Server, tmp_path: Path
) -> None:
    """Given rows that are marked and were never sent, when another relay starts, they go out."""
    row_ids = enqueue(3)
    with frozen(broker.process.pid):
        relay = start_relay(DURABLE_TEST_PUBLICATION_LEASE=NEVER)
    eventually(lambda: len(ids(broker)) == 3)
    relay.kill()
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    assert TaskRow.objects.filter(state=2).count() == 3
    start_relay(DURABLE_TEST_PUBLICATION_LEASE=NEVER)
    eventually(lambda: sorted(ids(broker)) == sorted(row_ids))


def test_once_does_a_turn_and_says_so(start: Start, broker: Server) -> None:
    enqueue(3)
    relay = start("-m", "durable_shop.manage", "relay", "--once")
    assert relay.process.wait(60) == 0
    assert "3 messages published." in relay.words
    assert len(ids(broker)) == 3


def test_once_fails_where_the_broker_is_away(start: Start, broker: Server) -> None:
    enqueue(3)
    broker.stop()
    relay = start("-m", "durable_shop.manage", "relay", "--once")
    assert relay.process.wait(60) == 1
    assert "The broker is away" in relay.words


def test_it_publishes_beside_tasks_that_cannot_be_imported(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    (row_id,) = enqueue(1)
    environment = with_settings(tmp_path, 'INSTALLED_APPS += ["half_deployed"]')
    (tmp_path / "half_deployed").mkdir()
    (tmp_path / "half_deployed" / "__init__.py").touch()
    (tmp_path / "half_deployed" / "tasks.py").write_text("raise ImportError('half deployed')")
    checked = start("-m", "durable_shop.manage", "check", **environment)
    assert checked.process.wait(60) != 0
    assert "half deployed" in checked.words
    relay = start("-m", "durable_shop.manage", "relay", "--once", **environment)
    assert relay.process.wait(60) == 0, relay.words
    assert ids(broker) == [row_id]


def test_it_does_not_start_with_a_setting_that_is_wrong(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    environment = with_settings(tmp_path, "DURABLE_TASKS_WINDOW = 0")
    relay = start("-m", "durable_shop.manage", "relay", **environment)
    assert relay.process.wait(60) == 1
    assert "DURABLE_TASKS_WINDOW is 0" in relay.words
    assert "durable_tasks.E002" in relay.words
    assert "Traceback" not in relay.words


def test_it_does_not_start_with_a_pool_of_connections(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    environment = with_settings(tmp_path, 'DATABASES["default"]["OPTIONS"] = {"pool": True}')
    relay = start("-m", "durable_shop.manage", "relay", **environment)
    assert relay.process.wait(60) == 1
    assert "durable_tasks.E016" in relay.words
    assert 'Remove "pool" and set CONN_MAX_AGE' in relay.words


def with_settings(folder: Path, more: str) -> dict[str, str]:
    (folder / "own_settings.py").write_text(f"from durable_shop.settings import *\n{more}\n")
    path = os.pathsep.join([*PATHS, str(folder)])
    return {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "own_settings"}


def test_a_relay_serves_the_queues_that_it_is_given(start: Start, broker: Server) -> None:
    enqueue(1, queue="mail")
    (ours,) = enqueue(1)
    relay = start("-m", "durable_shop.manage", "relay", "--once", "--queues", "default, other")
    assert relay.process.wait(60) == 0
    assert ids(broker) == [ours]
    assert ids(broker, "mail") == []


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Any]:
    with TemporaryDirectory(prefix="dt") as folder:
        running = [start_postgres(Path(folder), database="shop", durable=False)]

        def restart() -> Server:
            running[0].stop()
            running[0] = start_postgres(Path(folder), database="shop", durable=False)
            return running[0]

        restart.running = running  # type: ignore[attr-defined]
        yield restart
        running[0].stop()


def test_a_database_that_is_stopped_and_comes_back(
    start: Start, own_database: Any, broker: Server
) -> None:
    server = own_database.running[0]
    host = {"DURABLE_TEST_DATABASE_HOST": socket_folder(server.url)}
    migrated = start("-m", "durable_shop.manage", "migrate", "--run-syncdb", **host)
    assert migrated.process.wait(60) == 0, migrated.words
    relay = start("-m", "durable_shop.manage", "relay", **host)
    _insert(server)
    eventually(lambda: len(ids(broker)) == 1)
    eventually(lambda: _is_listening(server))  # that connection is lost too
    server.stop()
    eventually(lambda: "The database is away" in relay.words)
    assert relay.process.poll() is None
    _insert(own_database())
    eventually(lambda: len(ids(broker)) == 2)
    own_database.running[0].stop()
    eventually(lambda: relay.words.count("The database is away") > 1)
    assert ends_soon(relay)


def test_memory_does_not_grow_with_the_backlog(start_relay: Start, broker: Server) -> None:
    relay = start_relay()
    enqueue(1)
    eventually(lambda: len(ids(broker)) == 1)
    process = psutil.Process(relay.pid)
    before = process.memory_info().rss
    bulk(20_000)
    TaskRow.objects.filter(state=2).delete()
    eventually(lambda: len(ids(broker)) > 200)
    # The window's rows and messages, whatever waits behind them.
    assert process.memory_info().rss - before < 16 * 1024 * 1024


def _is_listening(server: Server) -> bool:
    with psycopg.connect(server.url) as own:
        asked = own.execute("SELECT bool_or(is_listened) FROM durable_tasks_queue").fetchone()
    return bool(asked and asked[0])


def _insert(server: Server) -> None:
    with psycopg.connect(server.url) as own:
        own.execute(
            "INSERT INTO durable_tasks_task (id, name, queue, arguments, shown) VALUES"
            """ (gen_random_uuid(), 'shop.write_note', 'default', '[["x"], {}]', '["", ""]')"""
        )


def _backends_of(relay: Process) -> list[int]:
    """Return the server's processes for the connections that are not this test's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return [row[0] for row in cursor.fetchall()]


def test_a_queue_that_the_broker_refuses_stops_no_other(
    broker: Server, start_relay: Start, start_worker: Start
) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.set("aaa", "no list")
        tasks.write_note.apply_async(["stuck"], queue="aaa")
        tasks.write_note.delay("goes on")
        relay = start_relay()
        start_worker()
        eventually(lambda: notes() == ["goes on"])
        eventually(lambda: "Queue aaa cannot be published to" in relay.words)
        assert TaskRow.objects.get().queue == "aaa"
        assert "The broker is away" not in relay.words
        client.delete("aaa")
        eventually(lambda: len(ids(broker, "aaa")) == 1)


def test_once_fails_where_the_broker_refuses_a_queue(start: Start, broker: Server) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.set("default", "no list")
    enqueue(1)
    relay = start("-m", "durable_shop.manage", "relay", "--once")
    assert relay.process.wait(60) == 1
    assert "Queue default cannot be published to" in relay.words


def test_a_relay_ends_while_a_message_is_on_its_way_to_a_broker_that_hangs(
    start_relay: Start, broker: Server
) -> None:
    """Given a connection that is made, when the broker freezes, then the row is looked for."""
    relay = start_relay()
    enqueue(1)
    eventually(lambda: len(ids(broker)) == 1)
    with frozen(broker.process.pid):
        (second,) = enqueue(1)
        eventually(lambda: TaskRow.objects.filter(id=second, state=2).exists())
        assert ends_soon(relay)
    start_relay()
    eventually(lambda: second in ids(broker))
