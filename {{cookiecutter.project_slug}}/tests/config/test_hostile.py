"""Strangers who forge, and words that are code: nothing is let in, nothing is executed."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome

from development.testing import SmtpServer
from tests.browser.conftest import _warm_browser, browser  # noqa: F401  fixtures
from tests.config.everything import address, make_people, make_things, routes

SCRIPT = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "shop.example.com.evil.example",
    "shop.example.com@evil.example",
    "shop.example.com:80:80",
    "shop.example.com evil.example",
    "[::1",
    "",
)
TRICKS = (
    *("//admin/", "/./admin/", "/admin//", "/admin/%2e%2e/admin/", "/health/../admin/"),
    *("/health/live/../../admin/", "/health/live%2f..%2f..%2fadmin/", "/static/../admin/"),
    *("/admin%2f", "/%61dmin/", "/ADMIN/", "/admin/;x", "/admin/?next=//evil.example"),
    *("/flower//api/tasks", "/flower/%2e%2e/metrics", "/flower/..%2fapi", "/flower/;/api"),
    *(
        "/metrics/",
        "//metrics",
        "/metrics?token=",
        "/%6detrics",
        "/metrics%00",
        "/health/..;/metrics",
    ),
    *("/static/%2e%2e/.env", "/static/..%2f..%2f.env", "/static//etc/passwd", "/.env"),
    *(
        "//evil.example",
        "//evil.example/..",
        "/%2fevil.example/",
        "/\\evil.example",
        "/%5cevil.example",
    ),
    *("http://evil.example/", "https://evil.example/admin/", "/orders/../../etc/passwd"),
)


@pytest.fixture
def production(smtp_server: SmtpServer, web_process: Callable[..., Any]) -> Any:
    """A web server as in production, behind a proxy that says that TLS was used."""
    return web_process(
        DEBUG="False",
        ADMINS="ada@example.com",
        SITE_URL="https://shop.example.com",
        ALLOWED_HOSTS="shop.example.com",
        CSRF_TRUSTED_ORIGINS="https://shop.example.com",
        BEHIND_TLS_PROXY="True",
        DJANGO_SETTINGS_MODULE="production_settings",
        PYTHONPATH=str(Path(__file__).parent),
    )


def test_a_forged_host_reaches_nothing_but_the_two_words_of_health(
    production: Any, smtp_server: SmtpServer
) -> None:
    for host in HOSTS:
        for path in ("/", "/admin/", "/accounts/password/reset/", "/health/tasks", "/metrics"):
            status, headers, body = sent(production, path, Host=host)
            assert status == 400, (host, path)
            assert "evil" not in headers.lower() + body, (host, path)
    for header in ("X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"):
        status, headers, body = sent(
            production, "/accounts/login/", Host="shop.example.com", **{header: "evil.example"}
        )
        assert status == 200
        assert "evil" not in headers.lower() + body, header
    # What a stranger can cause a thousand times is no error to mail to anybody.
    assert smtp_server.messages == []


def test_a_path_that_is_spelled_otherwise_lets_nobody_in(production: Any) -> None:
    for path in TRICKS:
        status, headers, body = sent(production, path, Host="shop.example.com")
        # Of an address with another site's name in it the path counts: the shop's front page.
        refusals = {301, 302, 400, 401, 403, 404, 405}
        assert status in ({200} if path == "http://evil.example/" else refusals), path
        assert status != 200 or "evil" not in headers + body, path
        where = [line for line in headers.splitlines() if line.lower().startswith("location:")]
        for line in where:
            target = urlsplit(line.partition(":")[2].strip())
            assert target.netloc in {"", "shop.example.com"}, (path, line)
        for secret in ("SECRET_KEY", "root:", "durable_tasks_", "Site administration"):
            assert secret not in body, (path, secret)


def sent(process: Any, path: str, **headers: str) -> tuple[int, str, str]:
    """Send a request that no library would correct; return status, headers and body."""
    lines = [f"GET {path} HTTP/1.1", "X-Forwarded-Proto: https", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    port = urlsplit(process.url).port
    with socket.create_connection(("127.0.0.1", int(port or 0)), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    head, _, body = answer.partition("\r\n\r\n")
    first, _, rest = head.partition("\r\n")
    return int(first.split()[1]), rest, body


@pytest.mark.django_db(transaction=True)
def test_a_script_in_any_name_or_error_is_shown_and_not_run(
    browser: Chrome,  # noqa: F811
    live_server: LiveServer,
) -> None:
    """In every page of the admin that a GET opens, by a real browser."""
    people = make_people()
    keys = make_things(people["customer"], SCRIPT)
    client = Client()
    client.force_login(people["superuser"])
    browser.get(f"{live_server.url}/accounts/login/")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    shown = 0
    for route in routes():
        path = address(route, keys)
        answer = client.get(path, follow=True)
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        text = answer.content.decode()
        assert SCRIPT not in text, path
        assert "<img src=x" not in text, path
        if "&lt;script&gt;" in text:
            shown += 1
            browser.get(live_server.url + path)
            assert browser.title != "hacked", path
    assert shown > 20
