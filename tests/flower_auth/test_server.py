"""What a browser would never send, and what Flower's own protection still does behind the gate."""

import re
import socket
from urllib.parse import quote

import httpx
import pytest

from tests.flower_auth.conftest import DEADLINE_SECONDS, TOKEN, Flower, People

NO_ENTRY = (b"HTTP/1.1 302", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 403")
ACTION = "/api/worker/shutdown/nobody"
FLOWERS_OWN = (b'<html lang="en">\n<head>', b"flower_events", b"OK", b"navbar")


def raw(flower: Flower, request: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", flower.port), DEADLINE_SECONDS) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/metrics",
        "/healthcheck",
        "/tasks",
        "/flower",
        "/flower//metrics",
        "//flower/metrics",
        "/flower/./metrics",
        "/flower/x/../metrics",
        "/flower/%2e%2e/flower/metrics",
        "/%66lower/metrics",
        "/flower/%6detrics",
        "/flower/metrics%00",
        "/flower/metrics;x",
        "/FLOWER/metrics",
        "/flower/static/..%2f..%2fapp.py",
        "/flower/static/../../app.py",
        "http://127.0.0.1/flower/metrics",
        "http://evil.example/flower/tasks",
        "//evil.example/flower/",
        "*",
        "/flower/tasks\\..\\..",
        "/flower/" + "a" * 20_000,
    ],
    ids=lambda target: target[:40],
)
def test_no_spelling_of_a_path_leads_around_the_gate(flower: Flower, target: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"):
        request = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n"
        assert is_closed(raw(flower, request.encode())), f"{method} {target}"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1@evil.example", "", "[::1", "a b"])
def test_the_host_that_is_asked_for_is_not_where_one_is_led(flower: Flower, host: str) -> None:
    request = f"GET /flower/ HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n"
    received = raw(flower, request.encode())
    assert is_closed(received)
    assert b"evil" not in received


def test_another_site_cannot_be_made_the_next_page(flower: Flower) -> None:
    for target in ("//evil.example/", "http://evil.example/", "/\\evil.example"):
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n"
        received = raw(flower, request.encode())
        assert b"evil" not in received, target


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /flower/tasks HTTP/1.0\r\n\r\n",
        "GET /flower/metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \r\n\r\n",
        "GET /flower/ HTTP/1.1\r\nHost: a\r\nCookie: sessionid=\x01\x02\x03\x7f12345678\r\n\r\n",
        "GET /flower/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n",
        "POST /flower/api/worker/shutdown/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Length: 5\r\n\r\nhello",
        "POST /flower/api/worker/shutdown/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /flower/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
        "X-HTTP-Method-Override: GET\r\n\r\nGET /flower/metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /flower/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        "GET /flower/healthcheck HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=[
        "http-1.0",
        "no-token",
        "control-bytes",
        "websocket",
        "body",
        "chunked",
        "smuggled",
        "pipelined",
    ],
)
def test_no_shape_of_a_request_leads_around_the_gate(flower: Flower, request_text: str) -> None:
    assert is_closed(raw(flower, request_text.encode()))


def test_a_bearer_who_pipelines_a_second_request_is_asked_again(flower: Flower) -> None:
    request = (
        f"GET /flower/healthcheck HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        "GET /flower/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    statuses = re.findall(rb"HTTP/1.1 (\d+)", raw(flower, request.encode()))
    assert statuses == [b"200", b"401"]


def test_a_stranger_cannot_break_the_server(flower: Flower, people: People) -> None:
    for garbage in (b"\x00\xff\x16\x03\x01", b"GET\r\n\r\n", b"A" * 100_000, b"\r\n" * 10_000):
        try:
            assert is_closed(raw(flower, garbage)), garbage[:20]
        except ConnectionError:
            continue  # cut off: closed as well
    assert flower.get("/tasks", people.allowed()).status_code == httpx.codes.OK


@pytest.fixture(scope="module")
def staff(people: People) -> str:
    return people.allowed()


@pytest.fixture(scope="module")
def token(acting_flower: Flower, staff: str) -> str:
    """The XSRF token that a page of Flower's gives to its own scripts."""
    return re.findall("_xsrf=([^;]+)", acting_flower.get("/tasks", staff).headers["Set-Cookie"])[0]


def act(flower: Flower, staff: str, xsrf: str = "", **headers: str) -> httpx.Response:
    cookie = f"sessionid={staff}" + (f"; _xsrf={xsrf}" if xsrf else "")
    return flower.send("POST", ACTION, headers={"Cookie": cookie} | headers)


def test_an_action_without_the_token_is_refused(acting_flower: Flower, staff: str) -> None:
    assert act(acting_flower, staff).status_code == httpx.codes.FORBIDDEN


def test_an_action_with_the_token_reaches_flower(
    acting_flower: Flower, staff: str, token: str
) -> None:
    answer = act(acting_flower, staff, token, **{"X-XSRFToken": token})
    assert (answer.status_code, answer.text) == (404, "Unknown worker 'nobody'")


def test_an_action_from_another_site_is_refused(
    acting_flower: Flower, staff: str, token: str
) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = act(acting_flower, staff, token, **{"X-XSRFToken": token}, **headers)
        assert answer.status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic eDp5", f"Bearer {TOKEN}"])
def test_another_credential_does_not_stand_in_for_the_token(
    acting_flower: Flower, staff: str, authorization: str
) -> None:
    answer = act(acting_flower, staff, Authorization=authorization)
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_the_metrics_token_allows_no_action(acting_flower: Flower) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    answer = acting_flower.send("POST", ACTION, headers=bearer)
    assert answer.status_code == httpx.codes.FORBIDDEN
    answer = acting_flower.send("POST", "/metrics", headers=bearer)
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_no_answer_lets_other_sites_read(flower: Flower, staff: str) -> None:
    for path in ("/", "/api/workers", "/metrics"):
        answer = flower.get(path, staff, headers={"Origin": "http://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_pass_is_not_given_to_the_browser(flower: Flower, staff: str) -> None:
    for path in ("/", "/tasks", "/task/unknown", "/nothing", "/metrics"):
        answer = flower.get(path, staff)
        assert not any("user=" in cookie for cookie in answer.headers.get_list("Set-Cookie"))
        assert staff not in answer.text
        assert staff not in flower.words


def is_closed(received: bytes) -> bool:
    """Tell whether the first and only answer says no, with nothing of Flower's in it."""
    if not received:
        return True
    is_refused = received.startswith(NO_ENTRY) and received.count(b"HTTP/1.1 ") == 1
    return is_refused and not any(words in received for words in FLOWERS_OWN)


def test_a_refused_path_is_quoted(flower: Flower) -> None:
    path = "/task/<script>alert(1)</script>"
    answer = flower.get(path)
    assert answer.headers["Location"].endswith(quote("/flower" + quote(path, safe="/()"), safe=""))
