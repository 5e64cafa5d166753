"""A paused queue starts nothing, whatever is restarted meanwhile."""

import json
from typing import Any

import pytest
from development.server import Server
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import pausing
from patterns.durable_tasks.errors import QueueUnknown
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from tests.durable_tasks.conftest import Process, Start, all_done, notes
from tests.durable_tasks.messages import ids
from tests.servers import eventually


def command(start: Start, *arguments: str) -> Process:
    process = start("-m", "durable_shop.manage", "task_queues", *arguments)
    process.process.wait(60)
    return process


def test_a_paused_queue_is_not_published(broker: Server) -> None:
    tasks.write_note.delay("one")
    pausing.pause(app, "default")
    relay = Relay(app)
    relay.turn()
    relay.turn()
    assert ids(broker) == []
    pausing.resume(app, "default")
    relay.turn()
    assert len(ids(broker)) == 1
    relay.broker.close()


def test_a_pause_stops_what_is_published_and_survives_restarts(
    start_relay: Start, start_worker: Start, broker: Server
) -> None:
    relay = start_relay()
    tasks.write_note.delay("one")
    eventually(lambda: len(ids(broker)) == 1)
    pausing.pause(app, "default")
    start_worker()
    # The worker took the message, and put the row back.
    eventually(lambda: TaskRow.objects.filter(state=1).exists())
    relay.kill()
    start_relay()
    tasks.write_note.delay("two")
    eventually(lambda: TaskRow.objects.filter(state=1).count() == 2)
    assert notes() == []
    pausing.resume(app, "default")
    eventually(all_done)
    assert sorted(notes()) == ["one", "two"]


def test_what_is_done_twice_is_done_once(broker: Server) -> None:
    pausing.pause(app, "default")
    pausing.pause(app, "default")
    assert QueueRow.objects.get().is_paused
    pausing.resume(app, "default")
    pausing.resume(app, "default")
    assert not QueueRow.objects.get().is_paused


def test_an_unknown_queue_is_named_and_the_known_ones() -> None:
    tasks.write_note.apply_async(["x"], queue="mail")
    with pytest.raises(QueueUnknown, match=r"no queue 'mial'. Known are: default, mail\b"):
        pausing.pause(app, "mial")


def test_the_command_pauses_and_says_so(start: Start) -> None:
    tasks.write_note.apply_async(["x"], queue="mail")
    done = command(start, "pause", "mail", "default", "--json")
    assert done.process.returncode == 0, done.words
    assert QueueRow.objects.filter(is_paused=True).count() == 2
    queues = {each["name"]: each for each in json.loads(done.words.splitlines()[-1])}
    assert queues["mail"]["is_paused"]
    done = command(start, "resume", "--all")
    assert done.process.returncode == 0, done.words
    assert not QueueRow.objects.filter(is_paused=True).exists()
    assert "open" in done.words
    done = command(start)
    assert done.process.returncode == 0, done.words
    assert [line.split()[:2] for line in done.words.splitlines()[-2:]] == [
        ["default", "open"],
        ["mail", "open"],
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pause", "mial"), "There is no queue 'mial'. Known are: default"),
        (("pause",), "Say which queues to pause, or --all."),
        (("list", "mail"), "list takes no names."),
    ],
)
def test_the_command_fails_with_the_reason(start: Start, arguments: Any, words: str) -> None:
    done = command(start, *arguments)
    assert done.process.returncode == 1
    assert words in done.words
