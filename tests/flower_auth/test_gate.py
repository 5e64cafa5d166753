"""Every route that Flower has, and some that it has not, for everybody who might ask."""

import re
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest
from flower.urls import handlers
from tornado.web import url
from tornado.websocket import WebSocketHandler

from tests.flower_auth.conftest import PAGE, TOKEN, Flower, People

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNKNOWN = ("/nothing", "/api/nothing", "/metrics/", "/healthcheck/more", "//metrics", "/%2e%2e/")
LOGIN = "http://127.0.0.1:8000/accounts/login/?next="
MEASURED = ("/metrics", "/healthcheck")


def path_of(route: url | tuple[str, type]) -> str:
    """Return a path that a route of Flower's own list answers to."""
    pattern = route.regex.pattern if isinstance(route, url) else route[0]
    return re.sub(r"\(\.[+*]\)", "anything", pattern).removesuffix("$").removesuffix("/?")


ROUTES = sorted({path_of(route) for route in handlers} - {".*"})

Visitor = Callable[[People], str | None]


def anonymous(_: People) -> str | None:
    return None


def customer(people: People) -> str:
    return people.log_in()


def staff_without_the_permission(people: People) -> str:
    return people.log_in(is_staff=True)


def permitted_without_staff_status(people: People) -> str:
    return people.log_in(may_see=True)


def inactive_staff(people: People) -> str:
    return people.allowed(is_active=False)


def inactive_superuser(people: People) -> str:
    return people.log_in(is_staff=True, is_superuser=True, is_active=False)


def superuser_without_staff_status(people: People) -> str:
    return people.log_in(is_superuser=True)


def revoked_staff(people: People) -> str:
    name, cookie = people.meet(is_staff=True, may_see=True)
    people.ask("change", username=name, is_staff=False)
    return cookie


def staff_whose_permission_was_taken(people: People) -> str:
    name, cookie = people.meet(is_staff=True, may_see=True)
    people.ask("let_see", username=name, may_see=False)
    return cookie


def staff_with_an_expired_session(people: People) -> str:
    cookie = people.allowed()
    people.ask("expire", session_key=cookie)
    return cookie


def staff_who_logged_out(people: People) -> str:
    cookie = people.allowed()
    people.ask("log_out", session_key=cookie)
    return cookie


def staff_whose_password_changed(people: People) -> str:
    name, cookie = people.meet(is_staff=True, may_see=True)
    people.ask("change_password", username=name)
    return cookie


def made_up_session(_: People) -> str:
    return "abcdefghijklmnopqrstuvwxyz012345"


STRANGERS = (
    anonymous,
    customer,
    staff_without_the_permission,
    permitted_without_staff_status,
    inactive_staff,
    inactive_superuser,
    superuser_without_staff_status,
    revoked_staff,
    staff_whose_permission_was_taken,
    staff_with_an_expired_session,
    staff_who_logged_out,
    staff_whose_password_changed,
    made_up_session,
)


@pytest.fixture(scope="module")
def staff(people: People) -> str:
    return people.allowed()


def test_the_routes_are_read_from_flower() -> None:
    assert {"/", "/tasks", "/metrics", "/healthcheck", "/api/workers", "/login"} < set(ROUTES)
    assert len(ROUTES) > 25


@pytest.mark.parametrize("visitor", STRANGERS)
def test_no_route_answers_a_stranger(flower: Flower, people: People, visitor: Visitor) -> None:
    cookie = visitor(people)
    for method in METHODS if visitor in {anonymous, customer} else ("GET", "POST"):
        for path in (*ROUTES, *UNKNOWN):
            answer = flower.send(method, path, cookie)
            assert is_refusal(answer), f"{method} {path}: {answer.status_code} {answer.text[:200]}"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN} "[:-3]},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": b"Bearer \xff\xfe\xf0"},
        {"X-Forwarded-User": "admin", "X-Real-Ip": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"},
        {"Cookie": "user=staff"},
        {"Cookie": f"user=2|1:0|10:1700000000|4:user|8:c3RhZmY=|{'0' * 64}"},
        {"Cookie": "sessionid="},
        {"Cookie": b"sessionid=\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"},
        {"Cookie": "sessionid=" + "a" * 30_000},
        {"Cookie": "sessionid=../../../../etc/passwd"},
        {"Cookie": 'sessionid="\\073\\000\\012abcdefgh"'},
        {"Cookie": ";;;=;a;=b;sessionid"},
        {"Cookie": "a=b; " * 4000 + "c=d"},
    ],
    ids=lambda headers: repr(headers)[:40],
)
def test_nothing_made_up_opens_a_path(flower: Flower, headers: dict[str, str]) -> None:
    for path in ("/", "/tasks", "/api/tasks", *MEASURED):
        answer = flower.get(path, headers=headers)
        assert is_refusal(answer), f"{path}: {answer.status_code} {answer.text[:200]}"


def test_every_route_that_can_be_read_reaches_staff(flower: Flower, staff: str) -> None:
    for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks", *MEASURED):
        assert flower.get(path, staff).status_code == httpx.codes.OK, path
    assert flower.get("/static/js/flower.js", staff).status_code == httpx.codes.OK
    for path in (*UNKNOWN, "/task/anything"):
        assert flower.get(path, staff).status_code == httpx.codes.NOT_FOUND, path


def test_a_person_is_led_to_the_login_page_and_back(flower: Flower) -> None:
    answer = flower.get("/tasks?limit=5&x=http://evil.example/%0d%0aa: b")
    assert answer.status_code == httpx.codes.FOUND
    back = "%2Fflower%2Ftasks%3Flimit%3D5%26x%3Dhttp%3A%2F%2Fevil.example%2F%250d%250aa%3A%2520b"
    assert answer.headers["Location"] == LOGIN + back
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/tasks", "/static/js/flower.js", "/metrics"])
def test_a_program_is_not_led_to_a_page(flower: Flower, path: str) -> None:
    answer = flower.get(path, headers=PAGE)
    assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    assert "Location" not in answer.headers


def test_the_tables_own_request_is_not_led_to_a_page(flower: Flower) -> None:
    answer = flower.get("/tasks/datatable", headers={"Accept": "application/json"})
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert answer.text == "Log in as staff at http://127.0.0.1:8000/accounts/login/.\n"


def test_a_customer_is_told_what_to_do(flower: Flower, people: People) -> None:
    answer = flower.get("/tasks", people.log_in("<b>Ada & Co</b>"))
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "&lt;b&gt;Ada &amp; Co&lt;/b&gt;-" in answer.text
    assert " may not see Flower. Ask an administrator" in answer.text
    assert 'href="http://127.0.0.1:8000/accounts/login/?next=%2Fflower%2F"' in answer.text


def test_staff_are_out_with_the_next_request_once_the_right_is_taken_away(
    flower: Flower, people: People
) -> None:
    name, cookie = people.meet(is_staff=True, may_see=True)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.OK
    people.ask("change", username=name, is_staff=False)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.FORBIDDEN
    people.ask("change", username=name, is_staff=True)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.OK
    people.ask("let_see", username=name, may_see=False)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.FORBIDDEN
    people.ask("let_see", username=name, may_see=True)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.OK
    people.ask("change", username=name, is_active=False)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.FOUND


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", MEASURED)
def test_the_token_opens_what_is_measured(flower: Flower, method: str, path: str) -> None:
    answer = flower.send(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
    # Flower itself has no HEAD for them.
    expected = {"GET": httpx.codes.OK, "HEAD": httpx.codes.METHOD_NOT_ALLOWED}
    assert answer.status_code == expected[method]


def test_the_token_opens_nothing_else(flower: Flower) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
    for path in (*ROUTES, *UNKNOWN):
        if path not in MEASURED:
            assert is_refusal(flower.get(path, headers=bearer)), path


def test_superusers_need_no_permission(flower: Flower, people: People) -> None:
    cookie = people.log_in(is_staff=True, is_superuser=True)
    assert flower.get("/tasks", cookie).status_code == httpx.codes.OK


def test_one_connection_that_is_kept_is_asked_again_for_each_request(
    flower: Flower, people: People
) -> None:
    name, cookie = people.meet(is_staff=True, may_see=True)
    with closing(HTTPConnection("127.0.0.1", flower.port)) as kept:
        assert status(kept, "/flower/api/workers", cookie) == httpx.codes.OK
        own = kept.sock
        people.ask("let_see", username=name, may_see=False)
        assert status(kept, "/flower/api/workers", cookie) == httpx.codes.FORBIDDEN
        assert kept.sock in {own, None}, "the second request went through another connection"


def test_flower_has_no_websocket_and_none_is_opened(flower: Flower, staff: str) -> None:
    # One that is open would go on after the right was taken away.
    assert not [each for each in handlers if issubclass(handler_of(each), WebSocketHandler)]
    upgrade = {"Upgrade": "WebSocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    for path in ROUTES:
        answer = flower.get(path, staff, headers=upgrade)
        assert (answer.status_code, answer.text) == (403, "No websocket is opened here.\n"), path
    bearer = upgrade | {"Authorization": f"Bearer {TOKEN}"}
    assert flower.get("/metrics", headers=bearer).status_code == httpx.codes.FORBIDDEN


def test_flowers_own_login_and_logout_lead_to_the_site(flower: Flower, staff: str) -> None:
    for path in ("/login", "/login/", "/logout", "/logout?next=//evil.example"):
        answer = flower.get(path, staff)
        assert answer.headers["Location"] == "http://127.0.0.1:8000", path


def handler_of(route: url | tuple[str, type]) -> type:
    """Return the class that answers a route of Flower's own list."""
    return route.handler_class if isinstance(route, url) else route[1]


def status(connection: HTTPConnection, path: str, cookie: str) -> int:
    """Ask for a path on this connection, read the answer whole, and return its status."""
    connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def is_refusal(answer: httpx.Response) -> bool:
    """Tell whether an answer says nothing but that one may not."""
    if answer.status_code == httpx.codes.FOUND:
        return answer.headers["Location"].startswith(LOGIN) and not answer.content
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return answer.text in {"", "Send the metrics token: Authorization: Bearer <token>\n"}
    known = ("Log in as staff at ", "may not see Flower. Ask an administrator")
    is_known = not answer.text or any(words in answer.text for words in known)
    return answer.status_code == httpx.codes.FORBIDDEN and is_known
