"""Behind a real nginx with the shipped configuration no visitor gets further than is meant."""

import re
import socket
import ssl
from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from config import on_call
from tests.deploy.site import NAME, Answer, Site, unverified

pytestmark = pytest.mark.django_db(transaction=True)
# Words of Flower's own answers, which are in nobody else's.
FLOWERS = ("flower_events", "flower_worker", "app-navbar", "python_info", "flower_", "url_prefix")
PATHS = (
    *("", "workers", "worker/x", "task/x", "tasks", "tasks/datatable", "broker"),
    *("api/workers", "api/tasks", "api/task/types", "api/queues/length", "api/task/info/x"),
    *("api/worker/shutdown/x", "api/task/apply/x", "api/task/revoke/x"),
    *("metrics", "healthcheck", "static/js/flower.js", "login", "logout", "nothing"),
)
TRICKS = (
    "/flower//api/workers",
    "//flower/{name}/api/workers",
    "/flower//{name}/metrics",
    "/flower/{name}//metrics",
    "/flower/{name}/..%2f{name}/metrics",
    "/flower/{name}/%2e%2e/{name}/metrics",
    "/flower/{name}/../{name}/metrics",
    "/flower/shop/../analytics/metrics",
    "/flower/shop/..%2fanalytics%2fmetrics",
    "/flower/{name}/..;/{name}/metrics",
    "/flower/{name};x/metrics",
    "/flower/{name}%2fmetrics",
    "/flower%2f{name}%2fmetrics",
    "/flower/{name}%2f..%2f..%2fmetrics",
    "/%66lower/{name}/metrics",
    "/flower/{name}/metrics%00",
    "/flower/{name}/metrics%0d%0aX:y",
    "/flower/{name}/metrics HTTP/1.1\r\nX: y",
    "/flower/{name}/metrics/",
    "/flower/{name}/metrics?x=/static/",
    "/flower/{name}/metrics#/static/x",
    "/FLOWER/{name}/metrics",
    "/Flower/{name}/Metrics",
    "/flower/{name}.evil.example/",
    "/flower/{name}@evil.example/",
    "/static/../flower/{name}/metrics",
    "/static/..%2fflower/{name}/metrics",
    "/static/%2e%2e/site.conf",
    "/static../site.conf",
    "/static/..%2fsite.conf",
    "/flower/{name}/static/..%2f..%2fapp.py",
    "http://127.0.0.1/flower/{name}/metrics",
    f"http://{NAME}/flower/{{name}}/metrics",
)
FORGED = (
    {"X-Forwarded-User": "admin", "X-Remote-User": "admin", "Remote-User": "admin"},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/"},
    {"X-Original-URL": "/flower/shop/metrics", "X-Rewrite-URL": "/flower/shop/metrics"},
    {"X-HTTP-Method-Override": "GET", "X-Forwarded-Port": "5555"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
    {"Upgrade": "websocket", "Connection": "Upgrade"},
    {"Connection": "Cookie, X-Forwarded-Proto, close"},
)
CLOSED = {301, 302, 400, 401, 403, 404, 405, 444}


def nobody(_: Client) -> str:
    return ""


def made_up(_: Client) -> str:
    return "abcdefghijklmnopqrstuvwxyz012345"


def customer(client: Client) -> str:
    return session(client)


def staff_without_the_permission(client: Client) -> str:
    return session(client, is_staff=True)


def superuser_without_staff_status(client: Client) -> str:
    return session(client, is_superuser=True)


each_stranger = pytest.mark.parametrize(
    "visitor",
    [nobody, made_up, customer, staff_without_the_permission, superuser_without_staff_status],
)
Visitor = Callable[[Client], str]


@pytest.fixture
def permitted(client: Client) -> str:
    """Return the session of somebody who is on call."""
    key = session(client, is_staff=True)
    User.objects.get().groups.add(Group.objects.get(name=on_call.NAME))
    return key


@each_stranger
def test_no_path_of_flowers_answers_a_stranger(
    site: Site, client: Client, visitor: Visitor
) -> None:
    key = visitor(client)
    for name in settings.FLOWER_PORTS:
        for path in PATHS:
            for method in ("GET", "HEAD", "POST"):
                answer = site.ask(f"/flower/{name}/{path}", key, method=method)
                assert_closed(answer, f"{method} {path} of {name}")


@each_stranger
def test_no_spelling_of_a_path_leads_around(site: Site, client: Client, visitor: Visitor) -> None:
    key = visitor(client)
    for name in settings.FLOWER_PORTS:
        for trick in TRICKS:
            assert_closed(raw(site, trick.format(name=name), key), trick)


def test_no_spelling_of_a_path_leads_those_on_call_out_of_flower(
    site: Site, permitted: str
) -> None:
    for trick in TRICKS:
        answer = raw(site, trick.format(name="shop"), permitted)
        assert "worker_processes" not in answer.text, trick
        assert "client_max_body_size" not in answer.text, trick
        assert "import " not in answer.text, trick


@each_stranger
@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: " ".join(forged))
def test_no_header_that_a_visitor_makes_up_is_believed(
    site: Site, client: Client, visitor: Visitor, forged: dict[str, str]
) -> None:
    key = visitor(client)
    for name in settings.FLOWER_PORTS:
        for path in ("", "api/workers", "metrics", "static/js/flower.js"):
            answer = site.ask(f"/flower/{name}/{path}", key, headers=forged)
            assert_closed(answer, f"{path} of {name}")
    assert site.ask("/", key, headers=forged).status == 200, "the shop itself answers as ever"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:5555", f"x.{NAME}"])
def test_another_host_name_gets_no_answer(site: Site, permitted: str, host: str) -> None:
    with pytest.raises(OSError, match=r"closed|reset|EOF"):
        site.ask("/flower/shop/", permitted, host=host)


def test_who_is_on_call_sees_each_flower_until_the_right_is_taken_away(
    site: Site, permitted: str
) -> None:
    for name in settings.FLOWER_PORTS:
        base = f"/flower/{name}/"
        for path in ("", "tasks", "broker", "api/workers", "metrics", "healthcheck"):
            assert site.ask(base + path, permitted).status == 200, path
        page = site.ask(f"{base}tasks", permitted).text
        files = re.findall('(?:src|href)="(/[^"]*static[^"]*)"', page)
        assert len(files) > 5
        for file in files:
            assert file.startswith(f"{base}static/"), file
            assert site.ask(file, permitted).status == 200, file
    User.objects.get().groups.clear()
    for name in settings.FLOWER_PORTS:
        assert site.ask(f"/flower/{name}/tasks", permitted).status == 403


def test_a_connection_that_is_kept_is_out_with_its_next_request(site: Site, permitted: str) -> None:
    asked = (
        f"GET /flower/shop/api/task/types HTTP/1.1\r\nHost: {NAME}:{site.https}\r\n"
        f"Cookie: sessionid={permitted}\r\n\r\n"
    ).encode()
    with connected(site) as connection, connection.makefile("rb") as answers:
        connection.sendall(asked)
        assert b" 200 " in read_one(answers)
        User.objects.update(is_staff=False)
        connection.sendall(asked)
        assert b" 403 " in read_one(answers)


def test_no_action_is_taken_from_another_site_or_without_the_token_or_at_all(
    site: Site, permitted: str
) -> None:
    page = site.ask("/flower/shop/tasks", permitted)
    (xsrf,) = re.findall("_xsrf=([^;]+)", page.headers["Set-Cookie"])
    own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "X-XSRFToken": xsrf}
    own |= {"Cookie": f"sessionid={permitted}; _xsrf={xsrf}"}
    table = "/flower/shop/tasks/datatable?draw=1&start=0&length=1&order[0][column]=0"
    assert site.ask(table, method="POST", headers=own).status == 200
    for fault in (
        {"X-XSRFToken": ""},
        {"X-XSRFToken": "2|00000000|00000000000000000000000000000000|1700000000"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert site.ask(table, method="POST", headers=own | fault).status == 403, fault
    # As an old browser sends it, which says its Origin alone.
    old = {name: value for name, value in own.items() if name != "Sec-Fetch-Site"}
    assert site.ask(table, method="POST", headers=old).status == 200
    for origin in ("https://evil.example", "null", f"https://{NAME}.evil.example"):
        answer = site.ask(table, method="POST", headers=old | {"Origin": origin})
        assert answer.status == 403, origin
    action = site.ask("/flower/shop/api/worker/shutdown/x", method="POST", headers=own)
    assert (action.status, "for looking" in action.text) == (403, True)


def test_people_are_led_to_the_sites_login_and_nowhere_else(site: Site) -> None:
    login = f"{site.url}/accounts/login/?next=%2Fflower%2Fshop%2Ftasks%3Fx%3D1"
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    assert site.ask("/flower/shop/tasks?x=1", headers=forged).headers["Location"] == login
    assert site.ask("/flower/", headers=forged).headers["Location"].startswith("/accounts/login/")


def test_the_choice_of_flowers_is_the_shops(site: Site, permitted: str) -> None:
    answer = site.ask("/flower/", permitted)
    for name in settings.FLOWER_PORTS:
        assert f"/flower/{name}/" in f"{answer.text} {answer.headers.get('Location')}"
    assert site.ask("/flower/none/", permitted).status == 404


def test_the_plain_port_leads_to_tls(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.http), 60) as connection:
        connection.sendall(f"GET /flower/shop/?a=1 HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        received = connection.recv(65_536)
    assert b" 301 " in received
    assert f"Location: https://{NAME}/flower/shop/?a=1".encode() in received


def test_static_files_come_from_their_folder_and_nothing_beside_it(site: Site) -> None:
    page = site.ask("/accounts/login/").text
    (style,) = re.findall('href="(/static/shop[^"]+)"', page)
    answer = site.ask(style)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css")
    assert "max-age=315360000" in answer.headers["Cache-Control"]
    for path in ("/static/", "/static/../site.conf", "/static/..%2fsite.conf", "/staticsite.conf"):
        assert site.ask(path).status in {400, 403, 404}, path


def test_no_log_of_nginxs_holds_the_address_of_a_password_reset(site: Site) -> None:
    secret = "NDI/cxkl2t-0123456789abcdef"
    spelt = ("accounts", "%61ccounts", "accounts/", "x/../accounts")
    paths = [f"/{start}/password/reset/{secret}/" for start in spelt]
    paths += [f"/search?token={secret}", f"/flower/shop/tasks?search={secret}"]
    for path in paths:
        site.ask(path, headers={"Referer": f"{site.url}/accounts/password/reset/{secret}/"})
    said = site.logged()
    assert said.count("/accounts/password/reset/NDI/...") >= 3
    assert "cxkl2t" not in said


def assert_closed(answer: Answer, what: str) -> None:
    """Assert that an answer says no with nothing of Flower's, and leads nowhere but to a login."""
    assert answer.status in CLOSED, f"{what}: {answer.status} {answer.text[:300]}"
    led_to = urlsplit(answer.headers.get("Location", "")).netloc.partition(":")[0]
    assert led_to in {"", NAME}, f"{what}: {answer.headers}"
    assert not any(words in answer.text for words in FLOWERS), f"{what}: {answer.text[:300]}"


def session(client: Client, **fields: bool) -> str:
    """Log somebody in who has these fields, and return the session's key."""
    client.force_login(User.objects.create(email="ada@example.com", **fields))
    return str(client.cookies["sessionid"].value)


def connected(site: Site) -> ssl.SSLSocket:
    """Open a connection to nginx on which a test writes what it will."""
    plain = socket.create_connection(("127.0.0.1", site.https), 60)
    return unverified().wrap_socket(plain, server_hostname=NAME)


def raw(site: Site, target: str, key: str) -> Answer:
    """Send a request whose target no library would send."""
    head = f"GET {target} HTTP/1.1\r\nHost: {NAME}:{site.https}\r\nAccept: text/html\r\n"
    with connected(site) as connection:
        text = f"{head}Cookie: sessionid={key}\r\nConnection: close\r\n\r\n"
        connection.sendall(text.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    if not received:
        return Answer(444, {}, "")  # as nginx calls it
    head, _, body = received.decode("utf-8", "replace").partition("\r\n\r\n")
    locations = re.findall("^Location: (.+?)\r?$", head, re.MULTILINE)
    return Answer(int(head.split(" ", 2)[1]), {"Location": "".join(locations)}, body)


def read_one(answers: BinaryIO) -> bytes:
    """Read one whole answer from a connection that stays open; return its first line."""
    first, length = answers.readline(), 0
    while (line := answers.readline().strip()) != b"":
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    answers.read(length)
    return first
