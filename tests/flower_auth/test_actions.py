"""Flower is for looking: what would change something is refused to those who may see it too."""

import re

import httpx
import pytest
from flower.urls import handlers
from tornado.web import RequestHandler

from tests.flower_auth.conftest import Flower, People, Project
from tests.flower_auth.test_gate import handler_of, path_of

# It asks by POST, for its questions are long.
TABLE = "/tasks/datatable?draw=1&start=0&length=10&order[0][column]=0&order[0][dir]=asc"
METHODS = ("post", "put", "patch", "delete")
ACTIONS = sorted(
    (method.upper(), path_of(route))
    for route in handlers
    for method in METHODS
    if getattr(handler_of(route), method) is not getattr(RequestHandler, method)
    and path_of(route) != "/tasks/datatable"
)


@pytest.fixture(scope="module")
def staff(people: People) -> str:
    return people.log_in(is_staff=True, is_superuser=True)


def with_token(flower: Flower, staff: str) -> dict[str, str]:
    """Return the headers that one of Flower's own pages sends with an action."""
    xsrf = re.findall("_xsrf=([^;]+)", flower.get("/tasks", staff).headers["Set-Cookie"])[0]
    return {"Cookie": f"sessionid={staff}; _xsrf={xsrf}", "X-XSRFToken": xsrf}


def test_the_actions_are_read_from_flower() -> None:
    assert ("POST", "/api/worker/shutdown/anything") in ACTIONS
    assert len(ACTIONS) >= 14


@pytest.mark.parametrize(("method", "path"), ACTIONS, ids=lambda part: part)
def test_no_action_is_allowed_to_a_superuser(
    flower: Flower, staff: str, method: str, path: str
) -> None:
    answer = flower.send(method, path, headers=with_token(flower, staff))
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert answer.text == "Flower is for looking here: its actions are not allowed.\n"


def test_a_path_that_flower_has_not_yet_is_refused_too(flower: Flower, staff: str) -> None:
    for path in ("/api/new/action", "/tasks", "/tasks/datatable/", "/tasks/%64atatable", "/x"):
        answer = flower.send("POST", path, headers=with_token(flower, staff))
        assert answer.status_code == httpx.codes.FORBIDDEN, path


def test_the_table_of_tasks_is_answered(flower: Flower, staff: str) -> None:
    answer = flower.send("POST", TABLE, headers=with_token(flower, staff))
    assert answer.status_code == httpx.codes.OK
    assert answer.json()["recordsTotal"] == 0
    without = flower.send("POST", TABLE, headers={"Cookie": f"sessionid={staff}"})
    assert without.status_code == httpx.codes.FORBIDDEN


def test_a_worker_goes_on_where_somebody_tries_to_end_it(shared_project: Project) -> None:
    worker = shared_project.start_worker()
    staff = shared_project.people.allowed()
    (name,) = re.findall(r"(\S+@\S+) ready\.", worker.words)
    flower = shared_project.start_flower()
    headers = with_token(flower, staff)
    answer = flower.send("POST", f"/api/worker/shutdown/{name}", headers=headers)
    assert answer.status_code == httpx.codes.FORBIDDEN
    # What the worker is told by somebody who may comes after what that one would have told it.
    acting = shared_project.start_flower(ALLOW_ACTIONS="1")
    flower.stop()
    assert worker.running.poll() is None
    headers = with_token(acting, staff)
    acting.get("/api/workers?refresh=1", staff)
    answer = acting.send("POST", f"/api/worker/shutdown/{name}", headers=headers)
    assert answer.status_code == httpx.codes.OK
    worker.running.wait(60)
    acting.stop()
