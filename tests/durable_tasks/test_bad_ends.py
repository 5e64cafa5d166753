"""Every bad end is a row: each is caused for real, on real servers."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from development.server import Server
from development.valkey import start_valkey
from django.test import override_settings
from durable_shop import ends, other, tasks
from durable_shop.celery import app

from patterns.durable_tasks import cancel, failed, other_apps
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.conftest import PATHS, Process, Start, notes
from tests.durable_tasks.envelopes import changed, encoded, plain_message, push
from tests.servers import eventually

SOURCES = Path(cancel.__file__).parent
SECOND = timedelta(seconds=1)
SHOWN = '["()", "{}"]'
CHANGES = re.compile(r"UPDATE (?:durable_tasks_task.*?)?SET\s(.*?)(?:\bWHERE\b|\Z)", re.DOTALL)
FAILS = re.compile(r"state = 4|THEN 4\b")


def ended(count: int, **which: Any) -> dict[str, TaskRow]:
    rows = TaskRow.objects.filter(state=State.FAILED, **which)
    eventually(lambda: rows.count() >= count, 90)
    return {str(row.id): row for row in rows}


def kinds(row: TaskRow) -> list[str]:
    return [each.kind for each in Event.objects.filter(task_id=row.id).order_by("at", "id")]


def test_every_statement_that_fails_a_row_is_counted_and_leaves_no_older_traceback() -> None:
    found = 0
    for path in SOURCES.glob("*.py"):
        for text in re.findall(r'"""(.*?)"""', path.read_text(encoding="utf-8"), re.DOTALL):
            for changes in filter(FAILS.search, CHANGES.findall(text)):
                found += 1
                # The trigger watches the one; the other would tell of another failure.
                assert re.search(r"\bfailed_at = ", changes), f"{path.name}: {text}"
                assert re.search(r"\btraceback = ", changes), f"{path.name}: {text}"
    assert found >= 11


def test_a_durable_task_ends_badly_in_every_way(
    start_relay: Start, start_worker: Start, broker: Server, tmp_path: Path
) -> None:
    outside = {
        "retries": tasks.autoretry.delay("x"),
        "error": tasks.write_note.delay("x", then="raise"),
        "time_limit soft": ends.soft_limit.delay(),
        "time_limit hard": ends.hard_limit.delay(),
        "crashes child": ends.killed.delay("child"),
        "error exit": tasks.write_note.delay("x", then="exit"),
        "error memory": tasks.write_note.delay("x", then="memory"),
        "expired": tasks.write_note.apply_async(("x",), expires=0.01),
        "unknown": app.send_task("nobody.knows", ("x",)),
    }
    # As a caller of yesterday's code has it.
    wrong = TaskRow.objects.create(
        name="shop.write_note", queue="default", arguments="[[1,2,3],{}]", shown=SHOWN
    )
    ids = {str(result.id): name for name, result in outside.items()} | {
        str(wrong.id): "error wrong arguments"
    }
    cancelled = tasks.write_note.apply_async(("x",), countdown=3600)
    cancel.cancel([cancelled.id], by="ann")
    ids[cancelled.id] = "cancelled"
    start_worker(DURABLE_TEST_UNKNOWN="0.1")
    start_relay(DURABLE_TEST_UNKNOWN="0.1")
    rows = {ids[id]: row for id, row in ended(len(ids)).items()}
    assert {name: row.reason for name, row in rows.items()} == {
        name: name.partition(" ")[0] for name in ids.values()
    }
    for name, row in rows.items():
        assert row.failures == 1, name
        assert row.error, name
        assert row.arguments, name
        assert row.failed_at, name
        assert row.first_failed_at, name
        assert abs(row.failed_at - row.first_failed_at) < SECOND, name
        last = ["cancelled"] if name == "cancelled" else ["failed"]
        assert kinds(row)[-1:] == last, name
    assert kinds(rows["retries"]) == ["retried", "retried", "failed"]
    assert kinds(rows["crashes child"]) == ["crashed", "crashed", "crashed", "failed"]
    workers = Event.objects.filter(task_id=rows["crashes child"].id).values_list("at_worker")
    assert set(workers) == {("w0@test",)}
    assert rows["error wrong arguments"].exception == "TypeError"
    assert notes() == []


def test_a_task_that_kills_its_whole_worker_ends_with_its_budget(
    start_relay: Start, start_worker: Start
) -> None:
    start_relay()
    result = ends.killed.delay("worker")
    for _ in range(3):
        worker = start_worker(name="same@test", DURABLE_TEST_LEASE="600")
        eventually(lambda worker=worker: worker.process.poll() is not None)
    start_worker(name="same@test", DURABLE_TEST_LEASE="600")
    row = ended(1)[result.id]
    assert (row.reason, row.crashes, row.failures) == ("crashes", 3, 1)
    assert kinds(row) == ["crashed"] * 3 + ["failed"]


def test_a_message_that_cannot_be_a_task_is_a_row_with_its_bytes_and_its_event(
    start_worker: Start, broker: Server
) -> None:
    start_worker()
    good = plain_message(broker.url, "good")
    pickled = good | {"content-type": "application/x-python-serialize"}
    misshapen = changed(good, "", "body", encoded({"a": 1}))
    nobody = changed(good, "headers", "task", "nobody.knows")
    push(broker.url, b"\xff\xfe", pickled, misshapen, nobody, good)
    rows = list(ended(4).values())
    assert sorted(row.reason for row in rows) == ["malformed"] * 3 + ["unknown"]
    assert all(row.message and kinds(row) == ["failed"] and row.failures == 1 for row in rows)
    assert {row.worker for row in rows} == {"w0@test"}
    assert {row.origin for row in rows if row.name} == {f"{gethostname()}:{os.getpid()}"}
    events = Event.objects.filter(task_id__in=[row.id for row in rows])
    assert {event.at_worker for event in events} == {"w0@test"}
    eventually(lambda: notes() == ["good"])


def test_a_beat_entry_that_cannot_be_sent_is_one_row_and_can_be_replayed(
    start_beat: Start, start_worker: Start, start_relay: Start, broker: Server
) -> None:
    plain = {"task": "shop.plain", "schedule": 1, "args": ["from beat"]}
    refused = {"task": "shop.write_note", "schedule": 1, "args": ["x" * 70_000]}
    beat = start_beat({"plain": plain, "refused": refused})
    rows = ended(2, failures__gte=2)
    beat.stop()
    assert TaskRow.objects.count() == 2
    by_name = {row.name: row for row in rows.values()}
    row = by_name["shop.plain"]
    assert (row.reason, row.plain, row.queue) == ("unsent", True, "default")
    assert row.first_failed_at < row.failed_at  # type: ignore[operator]  # both are set
    assert set(kinds(row)) == {"failed"}
    assert "70,0" in by_name["shop.write_note"].error
    assert by_name["shop.write_note"].arguments == ""
    start_worker()
    start_relay()
    with override_settings(DURABLE_TASKS_OTHER_APPS={"default": "durable_shop.celery.app"}):
        assert failed.replay(failed.Selection(name="shop.plain"), by="ann").done == 1
    eventually(lambda: notes() == ["from beat"])
    eventually(lambda: TaskRow.objects.count() == 1)


@pytest.fixture
def other_broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "other", durable=False)
    yield server
    server.stop()


OTHER_APPS = {"other": "durable_shop.other.app"}


@pytest.fixture
def environment(other_broker: Server) -> dict[str, str]:
    return {
        "DURABLE_TEST_OTHER_BROKER": other_broker.url,
        "DURABLE_TEST_OTHER_APPS": json.dumps(OTHER_APPS),
    }


@pytest.fixture
def other_worker(start: Start, environment: dict[str, str]) -> Process:
    command = ["-m", "celery", "-A", "durable_shop.other", "worker", "-c", "1", "-n", "o@test"]
    worker = start(*command, "-l", "INFO", "-Q", "other", **environment)
    eventually(lambda: worker.has_said(" ready."))
    return worker


# As durable_shop/celery.py has it for processes of its own.
@pytest.mark.filterwarnings(r"ignore:\s*The 'queue' task attribute")
def test_a_plain_task_of_another_app_is_replayed_on_its_own_broker(
    other_worker: Process,
    other_broker: Server,
    environment: dict[str, str],
    start_relay: Start,
    start_worker: Start,
    tmp_path: Path,
) -> None:
    path = tmp_path / "there"
    with other.app.connection_for_write(other_broker.url) as connection:
        result = other.until.apply_async((str(path), "counted"), connection=connection)
    row = ended(1)[str(result.id)]
    assert (row.queue, row.reason, row.worker) == ("other", "error", "o@test")
    start_relay(**environment)
    start_worker(**environment)
    tasks.write_note.delay("mine")
    path.touch()
    with override_settings(DURABLE_TASKS_OTHER_APPS=OTHER_APPS):
        assert failed.replay(failed.Selection(), by="ann").done == 1
    eventually(lambda: sorted(notes()) == ["counted", "mine"])
    eventually(lambda: not TaskRow.objects.exists())
    assert kinds(row) == ["failed", "replayed", "succeeded"]


def test_another_app_whose_broker_is_away_holds_up_nobody(
    start_relay: Start, start_worker: Start, environment: dict[str, str], other_broker: Server
) -> None:
    relay = start_relay(**environment)
    start_worker()
    os.kill(other_broker.process.pid, signal.SIGSTOP)
    try:
        waits = TaskRow.objects.create(
            name="other.until", queue="other", arguments='[["x"],{}]', shown=SHOWN
        )
        tasks.write_note.delay("mine")
        eventually(lambda: notes() == ["mine"])
        eventually(lambda: "The broker is away" in relay.words)
    finally:
        os.kill(other_broker.process.pid, signal.SIGCONT)
    eventually(lambda: TaskRow.objects.filter(pk=waits.pk, state=State.PUBLISHED).exists())


def test_each_queue_is_published_by_the_relay_of_its_own_app() -> None:
    with override_settings(DURABLE_TASKS_OTHER_APPS=OTHER_APPS):
        mine, others = other_apps.relays()
        assert (mine.only, mine.but) == ((), {"other"})
        assert (others.app, others.only, others.has_upkeep) == (other.app, ("other",), False)
        assert [relay.only for relay in other_apps.relays(["mail"])] == [("mail",)]
        (alone,) = other_apps.relays(["other"])
        assert (alone.app, alone.has_upkeep) == (other.app, True)
        assert other_apps.of_queue("other") is other.app
        assert other_apps.of_queue("mail") is not other.app
    assert [relay.but for relay in other_apps.relays()] == [frozenset()]


def test_a_wrong_path_of_another_app_ends_the_relay_with_its_name(start: Start) -> None:
    apps = json.dumps({"other": "durable_shop.nowhere.app"})
    relay = start("-m", "durable_shop.manage", "relay", DURABLE_TEST_OTHER_APPS=apps)
    assert relay.process.wait(60) == 1
    assert "DURABLE_TASKS_OTHER_APPS: " in relay.words
    assert "No module named 'durable_shop.nowhere'" in relay.words


def test_a_relay_of_another_app_that_dies_ends_the_process() -> None:
    program = (
        "import time; from patterns.durable_tasks import other_apps\n"
        "class Relay:\n"
        "    app = type('app', (), {'main': 'other'})\n"
        "    def __init__(self, run): self.run = run\n"
        "other_apps.run([Relay(lambda *_: time.sleep(60)), Relay(lambda *_: 1 / 0)])\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(PATHS),
        "DJANGO_SETTINGS_MODULE": "durable_shop.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=120
    )
    assert ran.returncode == other_apps.FAILED
    assert b"The relay of other ended" in ran.stderr
    assert b"ZeroDivisionError" in ran.stderr
