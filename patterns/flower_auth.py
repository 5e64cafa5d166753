"""Flower behind the application's own staff permission: every path, closed until configured.

Why: Flower shows everybody every task's arguments and lets them stop your workers; with its own
    `--basic_auth`, `/metrics` and `/healthcheck` stay open, and its OAuth cookie outlives by
    30 days the permission of whoever holds it.
Guarantees: the check stands in the HTTP server, in front of Flower's routes: no path, method or
    page of a later Flower can be reached around it. Each request reads Django's session anew, so
    a revoked permission, a logout or a new password counts at once. What cannot be checked
    (database away, timeout) is refused with 503. Flower's own check and its XSRF protection stay on.
Not for: telling staff apart from each other (Flower's `read_only` option is for all of them).
Copy: this file.
Needs: django>=5.2, flower>=2.2, tornado>=6.4.
Settings: Django's own: SESSION_ENGINE, SESSION_COOKIE_NAME, LOGIN_URL.
Wiring: in the file given as `celery -A config flower --conf=FILE`: `guard(site_url="https://...",
    metrics_token=...)`, `address = "127.0.0.1"`. In the module of the Celery app
    `os.environ.setdefault("FLOWER_CONF", FILE)`: then a Flower started without --conf is closed too.
    A proxy on the site's own host maps /flower/ to Flower's port, for the session's cookie.
Testing: start Flower for real and read its paths with and without a staff session.
"""

import asyncio
import hmac
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from html import escape
from http import HTTPStatus
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urljoin

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.db import close_old_connections
from django.http import HttpRequest, parse_cookie
from django.shortcuts import resolve_url
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.options import add_parse_callback, options
from tornado.web import create_signed_value

logger = logging.getLogger(__name__)

# What Flower's own check finds in its signed cookie: the guard writes it, request by request.
PASS = "staff"
# Longer than a connection attempt to a dead database (Django projects set about 5), then 503.
CHECK_TIMEOUT_SECONDS = 10
# Flower's own XSRF token is all that it needs of the browser's cookies.
XSRF_TOKEN = re.compile(r"[0-9a-f|]{1,200}")
# Every session key and every signed session is printable; a browser keeps 4096 bytes of it.
SESSION_COOKIE = re.compile(r"[\x21-\x7e]{8,4096}")


def is_staff(user: Any) -> bool:
    """Tell whether a user may use Flower, unless `guard` is given another question."""
    return bool(user.is_active and user.is_staff)


def guard(
    *,
    site_url: str,
    metrics_token: str = "",
    url_prefix: str = "flower",
    allowed: Callable[[Any], bool] = is_staff,
    loopback_only: bool = True,
) -> None:
    """Put the check in front of every request to this process; call it in Flower's --conf file.

    `site_url` is where people log in. `metrics_token` opens /metrics and /healthcheck, nothing
    else, to a bearer; empty, to nobody. `loopback_only=False` is for a container whose network
    keeps strangers out. Raises SystemExit, with the remedy, where Flower could not be kept closed.
    """
    login_url = urljoin(site_url, _require_django())
    prefix = url_prefix.strip("/")
    root = f"/{prefix}/" if prefix else "/"
    gate = Gate(
        site_url=site_url,
        login_url=login_url,
        root=root,
        metrics_token=metrics_token,
        allowed=allowed,
    )
    HTTPServer.configure(GuardedServer, gate=gate)
    options.auth = PASS
    options.url_prefix = prefix
    add_parse_callback(partial(_refuse_open_options, prefix, loopback_only))


class GuardedServer(HTTPServer):
    """Tornado's HTTP server with the check before the first thing that is done with a request."""

    def initialize(self, *args: Any, gate: "Gate", **kwargs: Any) -> None:
        """Take the gate that `guard` configured."""
        super().initialize(*args, **kwargs)
        self.gate = gate

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return the guard of one request, which passes on what it admits."""
        return _GuardedRequest(
            self.gate, request_conn, super().start_request(server_conn, request_conn)
        )


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What is answered instead of Flower."""

    status: HTTPStatus
    text: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Decides about a request by its first line and headers, before its body is read."""

    site_url: str
    login_url: str
    root: str
    metrics_token: str
    allowed: Callable[[Any], bool]
    # One thread: Django refuses its database to the event loop, and one connection is enough.
    thread: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))

    async def refusal(self, request: RequestStartLine, headers: HTTPHeaders) -> Refusal | None:
        """Return what to answer instead of Flower, or None when the request may go on."""
        path = request.path.partition("?")[0]
        machine = path in {f"{self.root}metrics", f"{self.root}healthcheck"}
        if machine and self._bears_token(headers):
            _leave_cookies(headers)
            return None
        try:
            name, is_allowed = await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(
                    self.thread, _visitor, _session_key(headers), self.allowed
                ),
                CHECK_TIMEOUT_SECONDS,
            )
        except Exception as error:  # whatever it is, nobody was recognised: stay closed
            return _unavailable(error)
        if not name:
            return self._log_in(request, headers, machine)
        if not is_allowed:
            return self._not_staff(request, headers, name)
        _leave_cookies(headers, with_pass=True)
        return self._detour(path)

    def _bears_token(self, headers: HTTPHeaders) -> bool:
        given = headers.get("Authorization", "").encode()
        expected = f"Bearer {self.metrics_token}".encode()
        return bool(self.metrics_token) and hmac.compare_digest(given, expected)

    def _log_in(self, request: RequestStartLine, headers: HTTPHeaders, machine: bool) -> Refusal:
        if machine:
            text = "Send the metrics token: Authorization: Bearer <token>.\n"
            challenge = {"WWW-Authenticate": 'Bearer realm="flower"'}
            return Refusal(status=HTTPStatus.UNAUTHORIZED, text=text, headers=challenge)
        if not self._is_page(request, headers):
            text = f"Log in as staff at {self.login_url}\n"
            return Refusal(status=HTTPStatus.FORBIDDEN, text=text)
        return _redirect(self._login_address(request.path))

    def _not_staff(self, request: RequestStartLine, headers: HTTPHeaders, name: str) -> Refusal:
        text = f"Flower is for staff, and {name} is not. Ask an administrator for staff status"
        if not self._is_page(request, headers):
            return Refusal(status=HTTPStatus.FORBIDDEN, text=f"{text}.\n")
        link = f'<a href="{escape(self._login_address(self.root))}">log in as somebody else</a>'
        return Refusal(
            status=HTTPStatus.FORBIDDEN,
            text=NOT_STAFF_PAGE.format(text=escape(text), link=link),
            headers={"Content-Type": "text/html; charset=utf-8"},
        )

    def _is_page(self, request: RequestStartLine, headers: HTTPHeaders) -> bool:
        """Tell a page that a person opens from what a script or another page fetches."""
        return (
            request.method in {"GET", "HEAD"}
            and "text/html" in headers.get("Accept", "")
            and not request.path.startswith((f"{self.root}api/", f"{self.root}static/"))
        )

    def _login_address(self, path: str) -> str:
        # Always a path of this site, from configuration alone: no Host header, no other site.
        after = path if path.startswith(self.root) else self.root
        return f"{self.login_url}?{urlencode({'next': after})}"

    def _detour(self, path: str) -> Refusal | None:
        """Lead away from Flower's own login and logout, which would not end Django's session."""
        if path in {f"{self.root}{door}" for door in ("login", "login/", "logout")}:
            return _redirect(self.site_url)
        return _redirect(self.root) if path in {"/", self.root.rstrip("/")} - {self.root} else None


NOT_STAFF_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Flower is for staff</title>
<main><h1>Flower is for staff</h1><p>{text}, or {link}.</p></main></html>
"""


class _GuardedRequest(HTTPMessageDelegate):
    """One request: it reaches Flower after the gate said so, and no part of it before."""

    def __init__(self, gate: Gate, connection: HTTPConnection, flower: HTTPMessageDelegate) -> None:
        self.gate = gate
        self.connection = connection
        self.flower = flower
        self.is_admitted = False

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        assert isinstance(start_line, RequestStartLine)
        if refusal := await self.gate.refusal(start_line, headers):
            self._answer(refusal, with_body=start_line.method != "HEAD")
            return
        self.is_admitted = True
        if (reading := self.flower.headers_received(start_line, headers)) is not None:
            await reading

    def data_received(self, chunk: bytes) -> Any:
        return self.flower.data_received(chunk) if self.is_admitted else None

    def finish(self) -> None:
        if self.is_admitted:
            self.flower.finish()

    def on_connection_close(self) -> None:
        if self.is_admitted:
            self.flower.on_connection_close()

    def _answer(self, refusal: Refusal, *, with_body: bool) -> None:
        body = refusal.text.encode()
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        self.connection.write_headers(
            ResponseStartLine("HTTP/1.1", refusal.status.value, refusal.status.phrase),
            HTTPHeaders(headers | refusal.headers),
            body if with_body else None,
        )
        self.connection.finish()


class _Snapshot(dict[str, Any]):
    """A session as it was read: checking it neither ends nor renews the real one."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        """Keep the key: the browser could not be told of a new one here."""


def _visitor(session_key: str | None, allowed: Callable[[Any], bool]) -> tuple[str, bool]:
    """Return the name of whose session it is ("" for nobody) and whether Flower is for them."""
    if session_key is None:
        return "", False
    close_old_connections()
    try:
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        request.session = _Snapshot(store.load())  # type: ignore[assignment]  # all that is asked
        user = get_user(request)
        return (user.get_username(), allowed(user)) if user.is_authenticated else ("", False)
    finally:
        # A connection that broke is dropped here, so that the next request tries a new one.
        close_old_connections()


def _session_key(headers: HTTPHeaders) -> str | None:
    cookies = parse_cookie("; ".join(headers.get_list("Cookie")))
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    return key if SESSION_COOKIE.fullmatch(key) else None


def _leave_cookies(headers: HTTPHeaders, *, with_pass: bool = False) -> None:
    """Take the session and the token off the request, give it the pass of Flower's own check."""
    xsrf = parse_cookie("; ".join(headers.get_list("Cookie"))).get("_xsrf", "")
    cookies = [f"_xsrf={xsrf}"] if XSRF_TOKEN.fullmatch(xsrf) else []
    if with_pass:
        signed = create_signed_value(options.cookie_secret, "user", PASS)
        cookies.append(f"user={signed.decode()}")
    headers["Cookie"] = "; ".join(cookies)
    # Flower skips its XSRF token for whoever sends this header; here the session decides.
    headers.pop("Authorization", None)


def _redirect(address: str) -> Refusal:
    return Refusal(status=HTTPStatus.FOUND, text="", headers={"Location": address})


def _unavailable(error: Exception) -> Refusal:
    reason = (str(error).splitlines() or [""])[0]
    logger.error("Flower refused a request: no session: %s %s", type(error).__name__, reason)
    text = "Flower is closed while sessions cannot be read. Try again when the database is back.\n"
    headers = {"Retry-After": "5"}
    return Refusal(status=HTTPStatus.SERVICE_UNAVAILABLE, text=text, headers=headers)


def _require_django() -> str:
    """Return the path of the login page, once Django can tell who somebody is."""
    try:
        if not apps.ready:
            django.setup()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        if hasattr(store, "get_model_class"):
            store.get_model_class()
        get_user_model()
        return resolve_url(settings.LOGIN_URL)
    except Exception as error:
        raise SystemExit(
            f"Flower stays closed: without Django's settings, users and sessions nobody can be "
            f"recognised as staff ({type(error).__name__}: {' '.join(str(error).split())})."
        ) from None


def _refuse_open_options(prefix: str, loopback_only: bool) -> None:
    """Refuse, after the command line was read, whatever would open what `guard` closed."""
    if options.basic_auth or options.auth != PASS or options.auth_provider:
        raise SystemExit("Flower stays closed: drop auth, basic_auth, auth_provider; staff log in.")
    if options.url_prefix.strip("/") != prefix:
        raise SystemExit("Flower stays closed: give url_prefix to guard(), not to Flower.")
    if loopback_only and not options.unix_socket and not _is_loopback(options.address):
        raise SystemExit(
            f"Flower stays closed: address {options.address!r} is not loopback. Set it to "
            f"127.0.0.1, or say guard(loopback_only=False)."
        )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
