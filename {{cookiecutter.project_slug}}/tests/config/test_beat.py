"""Beat, as a real process, on a database that is not there yet."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from redis import Redis

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
def environment(new_database: str, broker_url: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": new_database, "BROKER_URL": broker_url}


@pytest.fixture
def beat_log(environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """Run beat; give its log."""
    log = tmp_path / "beat.log"
    command = [sys.executable, "-m", "celery", "-A", "config", "beat", "--max-interval", "1"]
    with log.open("wb") as output:
        beat = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output
        )
    yield log
    assert beat.poll() is None, log.read_text()
    beat.send_signal(signal.SIGTERM)
    beat.wait(30)


def manage(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_beat_waits_for_its_database_then_for_migrations_then_sends(
    beat_log: Path, environment: dict[str, str], broker_url: str
) -> None:
    eventually(lambda: "Waiting for the database" in beat_log.read_text(), beat_log)
    administer(f"CREATE DATABASE {urlsplit(environment['DATABASE_URL']).path[1:]}")
    eventually(lambda: "Waiting for the migrations" in beat_log.read_text(), beat_log)
    assert "Run `python manage.py migrate`." in beat_log.read_text()
    manage(environment, "migrate", "--verbosity", "0")
    eventually(lambda: "for the migrations." in beat_log.read_text(), beat_log)
    manage(environment, "shell", "--verbosity", "0", "-c", ENTRIES)
    with Redis.from_url(broker_url) as broker:
        eventually(lambda: broker.llen("default"), beat_log)
    assert "Traceback" not in beat_log.read_text()


def test_beat_outlives_a_database_that_goes_away(
    environment: dict[str, str], broker_url: str, request: pytest.FixtureRequest
) -> None:
    name = urlsplit(environment["DATABASE_URL"]).path[1:]
    administer(f"CREATE DATABASE {name}")
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "shell", "--verbosity", "0", "-c", ENTRIES)
    log = request.getfixturevalue("beat_log")
    with Redis.from_url(broker_url) as broker:
        eventually(lambda: broker.llen("default"), log)
        # One that forces beat to read the schedule anew when the database is gone.
        manage(environment, "shell", "--verbosity", "0", "-c", CHANGED)
        administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        administer(END_SESSIONS.format(name))
        eventually(lambda: "is not currently accepting connections" in log.read_text(), log)
        administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        manage(environment, "shell", "--verbosity", "0", "-c", CHANGED)
        eventually(lambda: log.read_text().count("Schedule changed") >= 1, log)
        broker.delete("default")
        eventually(lambda: broker.llen("default"), log)


def test_an_entry_that_the_code_no_longer_has_goes_and_somebodys_own_stays(
    environment: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    administer(f"CREATE DATABASE {urlsplit(environment['DATABASE_URL']).path[1:]}")
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "shell", "--verbosity", "0", "-c", ENTRIES)
    log = request.getfixturevalue("beat_log")
    eventually(lambda: "'left by the code' is no longer in the code" in log.read_text(), log)

    def names() -> set[str]:
        with psycopg.connect(environment["DATABASE_URL"]) as database:
            rows = database.execute("SELECT name FROM django_celery_beat_periodictask").fetchall()
        return {row[0] for row in rows}

    expected = {
        "somebody's own",
        "queued_mail.delete_sent",
        "config.clear_sessions",
    }
    eventually(lambda: names() == expected, log)
