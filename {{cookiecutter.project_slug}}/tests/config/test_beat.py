"""Beat, as a real process, on a database that is not there yet."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from config.beat import ShopScheduler
from config.celery import app

DEADLINE_SECONDS = 90.0

# What somebody made in the admin, what an older version of the code left, and something due now.
ENTRIES = """
from config.beat import FROM_CODE
from django_celery_beat.models import IntervalSchedule, PeriodicTask
each_second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
for name, description in (("left by the code", FROM_CODE), ("somebody's own", "")):
    PeriodicTask.objects.create(
        name=name, description=description, task="config.clear_sessions", interval=each_second
    )
"""

CHANGED = """
from django_celery_beat.models import PeriodicTasks
PeriodicTasks.update_changed()
"""

END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


def eventually(is_so: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def new_database() -> Iterator[str]:
    """Give the address of a database that does not exist yet; drop it after the test."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"beat_{uuid4().hex}"
    yield urlunsplit(url._replace(path=f"/{name}"))
    administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def administer(statement: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(statement.encode())


@pytest.fixture
def environment(new_database: str) -> dict[str, str]:
    """Give what a beat is told: its database, and a broker that is not there: it needs none."""
    return os.environ | {"DATABASE_URL": new_database, "BROKER_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def start_beat(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Return a function that runs one more beat, and gives its log."""
    beats: list[tuple[subprocess.Popen[bytes], Path]] = []

    def begin() -> Path:
        log = tmp_path / f"beat-{len(beats)}.log"
        command = [sys.executable, "-m", "celery", "-A", "config", "beat", "--max-interval", "1"]
        with log.open("wb") as output:
            beat = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output
            )
        beats.append((beat, log))
        return log

    yield begin
    for beat, log in beats:
        assert beat.poll() is None, log.read_text()
        beat.send_signal(signal.SIGTERM)
    for beat, _ in beats:
        beat.wait(30)


def ask(environment: dict[str, str], question: str) -> list[Any]:
    with psycopg.connect(environment["DATABASE_URL"]) as database:
        return [row[0] for row in database.execute(question.encode()).fetchall()]


def tasks(environment: dict[str, str]) -> int:
    return int(ask(environment, "SELECT count(*) FROM durable_tasks_task")[0])


def firings(environment: dict[str, str]) -> int:
    return int(ask(environment, "SELECT count(*) FROM durable_tasks_firing")[0])


def manage(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_what_the_patterns_and_django_leave_behind_is_deleted_by_the_clock() -> None:
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled >= {
        "queued_mail.delete_sent",
        "idempotency.delete_recorded",
        "durable_tasks.delete_old_firings",
        "durable_tasks.delete_old_history",
        "config.clear_sessions",
    }


def test_beat_waits_for_its_database_then_for_migrations_then_enqueues(
    start_beat: Callable[[], Path], environment: dict[str, str]
) -> None:
    log = start_beat()
    eventually(lambda: "Waiting for the database" in log.read_text(), log)
    administer(f"CREATE DATABASE {urlsplit(environment['DATABASE_URL']).path[1:]}")
    eventually(lambda: "Waiting for the migrations" in log.read_text(), log)
    assert "Run `python manage.py migrate`." in log.read_text()
    manage(environment, "migrate", "--verbosity", "0")
    eventually(lambda: "for the migrations." in log.read_text(), log)
    manage(environment, "shell", "--verbosity", "0", "-c", ENTRIES)
    eventually(lambda: tasks(environment), log)
    assert "Traceback" not in log.read_text()


@pytest.fixture
def migrated(environment: dict[str, str]) -> str:
    """Make the database with its entries; give its name."""
    name = urlsplit(environment["DATABASE_URL"]).path[1:]
    administer(f"CREATE DATABASE {name}")
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "shell", "--verbosity", "0", "-c", ENTRIES)
    return name


def test_beat_outlives_a_database_that_goes_away(
    start_beat: Callable[[], Path], environment: dict[str, str], migrated: str
) -> None:
    log = start_beat()
    eventually(lambda: tasks(environment), log)
    # One that forces beat to read the schedule anew when the database is gone.
    manage(environment, "shell", "--verbosity", "0", "-c", CHANGED)
    administer(f"ALTER DATABASE {migrated} ALLOW_CONNECTIONS false")
    administer(END_SESSIONS.format(migrated))
    eventually(lambda: "is not currently accepting connections" in log.read_text(), log)
    administer(f"ALTER DATABASE {migrated} ALLOW_CONNECTIONS true")
    manage(environment, "shell", "--verbosity", "0", "-c", CHANGED)
    eventually(lambda: log.read_text().count("Schedule changed") >= 1, log)
    before = tasks(environment)
    eventually(lambda: tasks(environment) > before, log)


def test_two_beats_enqueue_a_task_once_for_each_due_time(
    start_beat: Callable[[], Path], environment: dict[str, str], migrated: str
) -> None:
    logs = [start_beat(), start_beat()]
    eventually(lambda: firings(environment) >= 6, logs[0])
    # Of one, or of both: they look once a second, and the one whose look comes earlier in it may be
    # the first of the two each time.
    eventually(lambda: any(map(sent_by_another, logs)), logs[1])
    # In one statement, so of one moment: each firing has one task.
    difference = (
        "SELECT (SELECT count(*) FROM durable_tasks_task)"
        " - (SELECT count(*) FROM durable_tasks_firing)"
    )
    assert ask(environment, difference) == [0]


def sent_by_another(log: Path) -> bool:
    return "was sent by another beat" in log.read_text()


def test_an_entry_that_the_code_no_longer_has_goes_and_somebodys_own_stays(
    start_beat: Callable[[], Path], environment: dict[str, str], migrated: str
) -> None:
    log = start_beat()
    eventually(lambda: "'left by the code' is no longer in the code" in log.read_text(), log)
    expected = {"somebody's own", *app.conf.beat_schedule}
    question = "SELECT name FROM django_celery_beat_periodictask"
    eventually(lambda: set(ask(environment, question)) == expected, log)


@pytest.mark.django_db(transaction=True)
def test_an_entry_amid_which_the_database_was_lost_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, lost = ModelEntry.from_entry.__func__, [OperationalError("the connection is lost")]

    def from_entry(cls: type[ModelEntry], /, name: str, **fields: Any) -> ModelEntry:
        if name == "new" and lost:
            raise lost.pop()
        entry: ModelEntry = own(cls, name, **fields)
        return entry

    monkeypatch.setattr(ModelEntry, "from_entry", classmethod(from_entry))
    scheduler = ShopScheduler(app=app, lazy=True)
    scheduler.update_from_dict(
        {name: {"task": "config.clear_sessions", "schedule": 60.0} for name in ("old", "new")}
    )
    assert set(PeriodicTask.objects.values_list("name", flat=True)) >= {"old", "new"}
