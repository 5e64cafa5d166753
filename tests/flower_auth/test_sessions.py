"""Django's own sessions, users and passwords decide, in every backend, through every outage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.flower_auth.conftest import Flower, People, Project, wait_for

SIGNED = "django.contrib.sessions.backends.signed_cookies"
ENGINES = {
    "cache": "django.contrib.sessions.backends.cache",
    "cached_db": "django.contrib.sessions.backends.cached_db",
    "file": "django.contrib.sessions.backends.file",
    "signed_cookies": SIGNED,
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_every_session_backend_of_django_serves(
    shared_project: Project, tmp_path: Path, engine: str
) -> None:
    # The sessions app is needed by those alone that keep their sessions in the database.
    settings = {"SESSION_ENGINE": engine, "SESSION_FILE_PATH": str(tmp_path)}
    settings["SESSIONS_APP"] = "1" if engine.endswith("db") else "0"
    people = shared_project.start_people(**settings)
    flower = shared_project.start_flower(**settings)
    staff, customer = people.allowed(), people.log_in()
    assert flower.get("/tasks", staff).status_code == httpx.codes.OK
    assert flower.get("/tasks", customer).status_code == httpx.codes.FORBIDDEN
    first, last = "y" if staff[0] == "x" else "x", "-" if staff[-1] == "_" else "_"
    forged = (first + staff[1:], staff[:-1] + last, "garbage" * 9, "../" * 20)
    for cookie in forged:
        assert flower.get("/tasks", cookie).status_code == httpx.codes.FOUND, cookie
    if engine != SIGNED:  # which cannot be ended: that is Django's word for it too
        people.ask("log_out", session_key=staff)
        assert flower.get("/tasks", staff).status_code == httpx.codes.FOUND
    flower.stop()


def test_an_auth_backend_that_knows_inactive_users_lets_none_of_them_in(
    shared_project: Project,
) -> None:
    backend = {"AUTHENTICATION_BACKEND": "django.contrib.auth.backends.AllowAllUsersModelBackend"}
    people = shared_project.start_people(**backend)
    flower = shared_project.start_flower(**backend)
    assert flower.get("/", people.allowed()).status_code == httpx.codes.OK
    inactive = people.allowed(is_active=False)
    assert flower.get("/", inactive).status_code == httpx.codes.FORBIDDEN
    flower.stop()


def test_a_look_at_a_session_does_not_change_it(flower: Flower, people: People) -> None:
    name, cookie = people.meet(is_staff=True, may_see=True)
    people.ask("change_password", username=name)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.FOUND
    assert people.ask("is_kept", session_key=cookie), "it is the site's to end"


def test_a_database_is_dumped_whole_though_the_permission_has_no_table(people: People) -> None:
    assert '"codename": "see_flower"' in people.ask("dumped")


def test_a_session_from_before_a_new_secret_key_stays_good(shared_project: Project) -> None:
    cookie = shared_project.people.allowed()
    old = shared_project.environment["SECRET_KEY"]
    flower = shared_project.start_flower(SECRET_KEY="another" * 9, SECRET_KEY_FALLBACK=old)
    for _ in range(2):
        assert flower.get("/tasks", cookie).status_code == httpx.codes.OK
    flower.stop()


def test_a_stopped_database_closes_flower_and_a_started_one_opens_it(project: Project) -> None:
    flower, staff = project.start_flower(), project.people.allowed()
    assert flower.get("/tasks", staff).status_code == httpx.codes.OK
    project.database.stop()
    before = len(flower.words.splitlines())
    answer = flower.get("/tasks", staff)
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "closed" in answer.text
    assert flower.get("/tasks").status_code == httpx.codes.FOUND
    # Flower speaks of other things too: of its workers, when it pleases.
    told = [line for line in flower.words.splitlines()[before:] if "Flower is closed" in line]
    (line,) = told
    assert "Flower is closed: no session was read (OperationalError: " in line
    project.start_database()
    wait_for(
        "staff to be let in", lambda: flower.get("/tasks", staff).status_code == httpx.codes.OK
    )


def test_a_flower_that_starts_before_its_database_opens_later(project: Project) -> None:
    staff = project.people.allowed()
    project.database.stop()
    flower = project.start_flower()
    assert flower.get("/tasks", staff).status_code == httpx.codes.SERVICE_UNAVAILABLE
    project.start_database()
    wait_for(
        "staff to be let in", lambda: flower.get("/tasks", staff).status_code == httpx.codes.OK
    )


def test_a_frozen_database_closes_flower_within_seconds_and_holds_up_nobody_else(
    project: Project,
) -> None:
    flower, staff = project.start_flower(), project.people.allowed()
    assert flower.get("/tasks", staff).status_code == httpx.codes.OK
    with frozen_database(project):
        started = time.monotonic()
        assert flower.get("/tasks", staff).status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert time.monotonic() - started < 30
        assert flower.get("/tasks").status_code == httpx.codes.FOUND
    wait_for(
        "staff to be let in", lambda: flower.get("/tasks", staff).status_code == httpx.codes.OK
    )


def test_flower_ends_while_the_database_is_frozen(project: Project) -> None:
    flower, staff = project.start_flower(), project.people.allowed()
    assert flower.get("/tasks", staff).status_code == httpx.codes.OK
    with frozen_database(project):
        assert flower.get("/tasks", staff).status_code == httpx.codes.SERVICE_UNAVAILABLE
        started = time.monotonic()
        flower.stop()
        assert time.monotonic() - started < 30


@contextmanager
def frozen_database(project: Project) -> Iterator[None]:
    """Stop PostgreSQL and its children where they are, and let them go on, come what may."""
    server = psutil.Process(project.database.process.pid)
    server.suspend()  # first: it has no more children then
    processes = [server, *server.children(recursive=True)]
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # a session's, that has just ended
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
