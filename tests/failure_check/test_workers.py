"""A real worker's heartbeat: it lives, freezes, waits for its broker, and ends in order."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery
from development.server import Server
from development.valkey import start_valkey
from django.db import connection
from redis import Redis

from patterns.failure_check import workers
from patterns.failure_check.models import Heartbeat
from patterns.failure_check.workers import WorkerHeartbeat
from tests.processes import Process, Start, processes
from tests.servers import SOURCES, eventually

SETTINGS = """
from kit_project.settings import DATABASES, SECRET_KEY, USE_TZ

INSTALLED_APPS = ["patterns.failure_check"]
FAILURE_CHECK_WORKER_SILENCE_SECONDS = 2
"""
APP = """
import os, time
from celery import Celery
from celery.worker.control import control_command
from patterns.failure_check.workers import WorkerHeartbeat

app = Celery("watched", broker=os.environ["TEST_BROKER"])
app.conf.update(broker_connection_retry_on_startup=True, broker_connection_max_retries=None)
app.steps["consumer"].add(WorkerHeartbeat)

@app.task(name="wait")
def wait(path):
    while not os.path.exists(path):
        time.sleep(0.05)

@control_command()
def hang(state, path):
    wait(path)  # in the worker's own loop
"""
NAME = "worker w@test"
PATIENCE_SECONDS = 5.0  # for one that waits for its broker, and is killed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    server = start_valkey(tmp_path / "broker", durable=False)
    yield server
    server.stop()


@pytest.fixture
def start(broker: Server, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a worker."""
    (tmp_path / "watched_settings.py").write_text(SETTINGS)
    (tmp_path / "watched.py").write_text(APP)
    variables = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *SOURCES]),
        "DJANGO_SETTINGS_MODULE": "watched_settings",
        "QUEUED_MAIL_TEST_DATABASE_HOST": str(connection.settings_dict["HOST"]),
        "TEST_BROKER": broker.url,
    }
    command = [sys.executable, "-m", "celery", "-A", "watched", "worker", "-n", "w@test"]
    command += ["-Q", "mail,default", "-c", "1", "--without-gossip", "--without-mingle"]
    command += ["-l", "INFO"]
    with processes(tmp_path, variables, PATIENCE_SECONDS) as started:

        def begin(*options: str) -> Process:
            worker = started(*command, *options)
            eventually(lambda: Heartbeat.objects.filter(name=NAME, pid=worker.pid))
            return worker

        yield begin


def beats(count: int = 3) -> None:
    """Wait until it was written so often again."""
    for _ in range(count):
        before = Heartbeat.objects.get(name=NAME).at
        eventually(lambda before=before: Heartbeat.objects.get(name=NAME).at > before)


def age_seconds() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - at) FROM failure_check_heartbeat"
        )
        return float(cursor.fetchone()[0])


def test_it_says_what_it_takes_from_and_goes_on(start: Start) -> None:
    start()
    beats()
    assert Heartbeat.objects.get(name=NAME).queues == ["default", "mail"]


def test_it_says_what_it_takes_from_by_now(start: Start, broker: Server) -> None:
    start()
    app = Celery("sender", broker=broker.url, set_as_current=False)
    app.control.cancel_consumer("mail")
    app.control.add_consumer("late")
    eventually(lambda: Heartbeat.objects.get(name=NAME).queues == ["default", "late"])


def test_one_whose_thread_has_died_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_current", [])
    monkeypatch.setattr(WorkerHeartbeat, "_write", lambda *_: None)
    queues = SimpleNamespace(consume_from={})
    app = SimpleNamespace(amqp=SimpleNamespace(queues=queues))
    timer = SimpleNamespace(call_repeatedly=lambda *_: None)
    parent = SimpleNamespace(app=app, hostname="w@test", pool=None, timer=timer)
    step = WorkerHeartbeat(None)
    step.start(parent)
    dead = step._thread
    assert dead is not None
    dead.join(60)
    step.start(parent)
    assert step._thread is not dead


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGQUIT], ids=["warm", "cold"])
def test_one_that_ends_in_order_takes_it_along(start: Start, end: signal.Signals) -> None:
    worker = start()
    worker.process.send_signal(end)
    worker.end(60)
    assert not Heartbeat.objects.exists()


def test_one_that_ends_before_it_was_connected_leaves_nothing() -> None:
    step = WorkerHeartbeat(None)
    step.stop(None)
    step.end()
    assert not Heartbeat.objects.exists()


def test_one_that_is_killed_leaves_it_behind(start: Start) -> None:
    worker = start()
    worker.kill()
    assert Heartbeat.objects.filter(name=NAME).exists()


def test_one_that_is_frozen_ages_and_lives_again(start: Start) -> None:
    worker = start()
    worker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: age_seconds() > 5)
    worker.process.send_signal(signal.SIGCONT)
    beats()


def test_one_whose_loop_is_stuck_ages_though_its_process_lives(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    start()
    app = Celery("sender", broker=broker.url, set_as_current=False)
    app.control.broadcast("hang", arguments={"path": str(tmp_path / "go")})
    eventually(lambda: age_seconds() > 5)
    (tmp_path / "go").touch()
    beats()


def test_one_that_waits_for_its_broker_lives_before_and_after(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    worker = start()
    broker.stop()
    eventually(lambda: worker.has_said("Connection to broker lost"))
    beats(6)
    port = int(broker.url.rpartition(":")[2].split("/")[0])
    again = start_valkey(tmp_path / "broker", port=port, durable=False)
    try:
        with Redis.from_url(again.url) as client:
            client.config_set("requirepass", broker.url.split(":")[2].split("@")[0])
        eventually(lambda: worker.words.count("Connected to redis") > 1)
        beats(6)
    finally:
        again.stop()


def test_a_solo_worker_lives_while_it_runs_a_task(
    start: Start, broker: Server, tmp_path: Path
) -> None:
    worker = start("--pool", "solo")
    app = Celery("sender", broker=broker.url, set_as_current=False)
    app.send_task("wait", [str(tmp_path / "go")], queue="mail")
    eventually(lambda: worker.has_said("Task wait"))
    beats(6)  # three seconds
    assert "succeeded" not in worker.words
    (tmp_path / "go").touch()
    eventually(lambda: worker.has_said("succeeded"))
