"""Tornado's HTTP server with a gate: no part of a request reaches Flower before it is admitted."""

import re
import sys
from signal import SIGINT, SIGTERM
from typing import Any, cast

from django.http import parse_cookie
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop
from tornado.options import options
from tornado.web import create_signed_value

from .answers import Answer
from .gate import Gate, Pass

# The user that Flower's own check (its option `auth`) asks for, and finds in a signed cookie.
OWN_CHECK = "staff"
# The shape of Flower's XSRF token; nothing else of the browser's cookies is of use to it.
XSRF_TOKEN = re.compile(r"[0-9a-f|]{1,200}")


class GuardedServer(HTTPServer):
    """The server that `HTTPServer.configure` makes Tornado use, for every request and path."""

    is_guarded = True

    def initialize(  # type: ignore[override]  # Tornado passes what was configured by name
        self, *args: Any, gate: Gate, **kwargs: Any
    ) -> None:
        """Take the gate along with the arguments of any HTTP server."""
        super().initialize(*args, **kwargs)
        self.gate = gate
        _end_between_requests()

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Return what reads one request: the gate first, Flower behind it."""
        flower = super().start_request(server_conn, request_conn)
        return _GuardedRequest(self.gate, request_conn, flower)


class _GuardedRequest(HTTPMessageDelegate):
    def __init__(self, gate: Gate, connection: HTTPConnection, flower: HTTPMessageDelegate) -> None:
        self.gate = gate
        self.connection = connection
        self.flower = flower
        self.is_admitted = False

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        request = cast(RequestStartLine, start_line)  # a server reads no responses
        verdict = await self.gate.judge(request, headers)
        if isinstance(verdict, Answer):
            self._answer(verdict, with_body=request.method != "HEAD")
            return
        _pass_on(headers, verdict)
        self.is_admitted = True
        if (waiting := self.flower.headers_received(request, headers)) is not None:
            await waiting

    def data_received(self, chunk: bytes) -> Any:
        return self.flower.data_received(chunk) if self.is_admitted else None

    def finish(self) -> None:
        if self.is_admitted:
            self.flower.finish()

    def on_connection_close(self) -> None:
        if self.is_admitted:
            self.flower.on_connection_close()

    def _answer(self, answer: Answer, *, with_body: bool) -> None:
        body = answer.text.encode()
        # The connection ends here: the rest of the request is not read for a stranger.
        headers = {"Content-Length": str(len(body)), "Connection": "close"} | answer.headers
        self.connection.write_headers(
            ResponseStartLine("HTTP/1.1", answer.status.value, answer.status.phrase),
            HTTPHeaders(headers),
            body if with_body else None,
        )
        self.connection.finish()


def _end_between_requests() -> None:
    """Let SIGTERM and Ctrl-C end the event loop from a callback of its own.

    Flower's handler raises SystemExit wherever the process happens to be. Inside a request Tornado
    takes it for that request's error and goes on: Flower would not end, and would be killed with
    its tasks unsaved.
    """
    loop = IOLoop.current().asyncio_loop  # type: ignore[attr-defined]  # of every loop there is
    loop.add_signal_handler(SIGTERM, sys.exit, 0)
    loop.add_signal_handler(SIGINT, sys.exit, 0)


def _pass_on(headers: HTTPHeaders, verdict: Pass) -> None:
    """Take the session and the token off the request; give staff what Flower's own check asks."""
    xsrf = parse_cookie("; ".join(headers.get_list("Cookie"))).get("_xsrf", "")
    cookies = [f"_xsrf={xsrf}"] if XSRF_TOKEN.fullmatch(xsrf) else []
    if verdict is Pass.STAFF:
        signed = create_signed_value(options.cookie_secret, "user", OWN_CHECK)
        cookies.append(f"user={signed.decode()}")
    headers["Cookie"] = "; ".join(cookies)
    # Flower asks whoever sends this header for no XSRF token.
    if "Authorization" in headers:
        del headers["Authorization"]
