"""What load balancers and monitors are told, also while the database is frozen."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config.bounded import Bounded, NoAnswer
from config.health import ANSWER_SECONDS, FRESH_SECONDS
from config.on_call import NAME as ON_CALL
from development.postgres import start_postgres
from development.pytest_servers import FOLDER
from development.server import Server
from patterns.failure_check.models import Alarm
from tests.config.raised import bearer, checked, raise_alarm

DEADLINE_SECONDS = 60
PATHS = ("/health/live", "/health/ready")
each_path = pytest.mark.parametrize("path", PATHS)


@each_path
@pytest.mark.django_db(transaction=True)
def test_it_is_one_word_that_no_cache_keeps_and_no_session_is_made(
    client: Client, path: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies
    assert "Vary" not in answer.headers
    assert client.head(path).content == b""


@each_path
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_it_is_only_read(client: Client, path: str, method: str) -> None:
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_process_lives_without_a_database(client: Client) -> None:
    # pytest-django refuses every query of a test that asked for no database.
    assert client.get("/health/live").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_without_a_migration(client: Client) -> None:
    last = MigrationRecorder(connection).migration_qs.order_by("-id")[0]
    assert eventually(client, 200)
    last.delete()
    try:
        assert eventually(client, 503)
    finally:
        last.save(force_insert=True)
    assert eventually(client, 200)


def test_a_load_balancer_asks_by_any_name_and_without_tls(web_process: Callable[..., Any]) -> None:
    web = web_process(
        DEBUG="False",
        SITE_URL="https://shop.example.com",
        ALLOWED_HOSTS="shop.example.com",
        DJANGO_SETTINGS_MODULE="production_settings",
        PYTHONPATH=str(Path(__file__).parent),
    )
    for path in PATHS:
        answer = httpx.get(web.url + path, headers={"Host": "10.1.2.3:8000"})
        assert (answer.status_code, answer.text) == (200, "ok\n")
    # All else is refused by that name, and without TLS.
    assert httpx.get(web.url + "/", headers={"Host": "10.1.2.3:8000"}).status_code == 400
    moved = httpx.get(web.url + "/", headers={"Host": "shop.example.com"})
    assert (moved.status_code, moved.headers["Location"]) == (301, "https://shop.example.com/")


@pytest.fixture
def own_database() -> Iterator[Server]:
    """Return a migrated PostgreSQL that nobody else uses."""
    folder = Path(tempfile.mkdtemp(prefix="frozen-", dir=os.environ[FOLDER]))
    server = start_postgres(folder, database="shop", durable=False)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": server.url},
        check=True,
    )
    yield server
    server.stop()


def test_a_frozen_database_is_told_in_time_and_a_thawed_one_too(
    own_database: Server, web_process: Callable[..., Any]
) -> None:
    """Its sockets still take what is sent, so no error ever comes."""
    web = web_process(DATABASE_URL=own_database.url)
    assert httpx.get(web.url + "/health/ready").status_code == 200
    with frozen(own_database):
        assert status_in_time(web.url + "/health/ready", 503)
        assert status_in_time(web.url + "/health/ready", 503)
        assert status_in_time(web.url + "/health/tasks", 503)
        assert status_in_time(web.url + "/metrics", 503)
        assert status_in_time(web.url + "/health/live", 200)
    deadline = monotonic() + DEADLINE_SECONDS
    while httpx.get(web.url + "/health/ready", timeout=30).status_code != 200:
        assert monotonic() < deadline
        sleep(0.2)


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    postmaster = psutil.Process(server.process.pid)
    everyone = [postmaster, *postmaster.children(recursive=True)]
    for each in everyone:
        each.suspend()
    try:
        yield
    finally:
        for each in reversed(everyone):
            each.resume()


def status_in_time(url: str, status: int) -> bool:
    began = monotonic()
    sleep(FRESH_SECONDS * 1.1)
    answer = httpx.get(url, timeout=60, headers=bearer())
    return answer.status_code == status and monotonic() - began < ANSWER_SECONDS + 10


def eventually(client: Client, status: int) -> bool:
    """Ask until an answer that is not remembered says so."""
    deadline = monotonic() + DEADLINE_SECONDS
    while client.get("/health/ready").status_code != status:
        assert monotonic() < deadline
        sleep(FRESH_SECONDS / 4)
    return True


@pytest.fixture
def is_watched(transactional_db: None) -> None:
    """Let the checks have run just now."""
    checked(timezone.now())


@pytest.mark.usefixtures("is_watched")
def test_tasks_are_well_until_somebody_has_to_get_up(client: Client) -> None:
    assert told(client) == (200, b"ok\n")
    raise_alarm("disk_soon_full", "warning")
    assert told(client) == (200, b"ok\n")
    raise_alarm("queue_late:mail", "critical")
    assert told(client) == (503, b"not ok\n")
    Alarm.objects.update(cleared_at=timezone.now())
    assert told(client) == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_tasks_are_not_well_while_nobody_looks(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert told(client) == (503, b"not ok\n")
    # A monitor asks each minute: each as an error would be mailed to ADMINS.
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []
    checked(timezone.now() - timedelta(hours=1))
    assert told(client) == (503, b"not ok\n")
    checked(timezone.now())
    assert told(client) == (200, b"ok\n")


@pytest.mark.usefixtures("is_watched")
def test_strangers_customers_and_staff_are_told_one_word_those_on_call_and_monitors_all(
    client: Client,
) -> None:
    raise_alarm("queue_late:mail", "critical")
    one_word = (503, b"not ok\n")
    assert told(client) == one_word
    assert told(client, Authorization="Bearer wrong") == one_word
    assert (
        client.get("/health/tasks", headers={"Cookie": "sessionid=made-up"}).content == b"not ok\n"
    )
    assert not Session.objects.exists()
    client.force_login(User.objects.create(email="pat@example.com"))
    assert told(client) == one_word
    User.objects.update(is_staff=True)
    assert told(client) == one_word
    User.objects.get().groups.add(Group.objects.get(name=ON_CALL))
    assert b"Start worker_mail." in told(client)[1]
    User.objects.update(is_active=False)
    assert told(client) == one_word
    problems = Client().get("/health/tasks", headers=bearer()).json()["problems"]
    assert [each["name"] for each in problems] == ["queue_late:mail"]


def told(client: Client, **headers: str) -> tuple[int, bytes]:
    answer = client.get("/health/tasks", headers=headers)
    assert not answer.cookies
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.status_code, answer.content


def test_a_question_is_given_up_and_what_waits_behind_it_is_never_asked() -> None:
    bounded, asked = Bounded(), list[str]()
    begun, stuck, late = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        stuck.wait()

    first = threading.Thread(target=bounded.ask, args=[hang], kwargs={"seconds": DEADLINE_SECONDS})
    first.start()
    assert begun.wait(DEADLINE_SECONDS)
    with pytest.raises(NoAnswer):
        bounded.ask(lambda: asked.append("behind it"), seconds=0.01)
    stuck.set()
    first.join()
    with pytest.raises(NoAnswer):
        bounded.ask(late.wait, seconds=0.01)
    late.set()
    assert bounded.ask(lambda: "third", seconds=DEADLINE_SECONDS) == "third"
    assert asked == []
    with pytest.raises(ZeroDivisionError):
        bounded.ask(lambda: 1 / 0, seconds=DEADLINE_SECONDS)
