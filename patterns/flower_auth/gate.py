"""The decision about one request, by its first line and its headers alone."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlencode

from tornado.httputil import HTTPHeaders, RequestStartLine

from . import answers
from .answers import Answer
from .sessions import find_visitor


class Pass(Enum):
    """Who may go on to Flower."""

    STAFF = "a person of the staff"
    BEARER = "a program with the metrics token, on the two paths that it opens"


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Says who passes, and answers everybody else.

    `root` is the path that Flower's own paths begin with, slashes included. Addresses that a
    browser is sent to come from here and never from the request's Host header.
    """

    site_url: str
    login_url: str
    root: str
    metrics_token: str
    allowed: Callable[[Any], bool]

    async def judge(self, request: RequestStartLine, headers: HTTPHeaders) -> Pass | Answer:
        """Return who passes or what is answered instead; never raises."""
        path = request.path.partition("?")[0]
        is_measured = path in {f"{self.root}metrics", f"{self.root}healthcheck"}
        if is_measured and self._bears_token(headers):
            return Pass.BEARER
        try:
            visitor = await find_visitor(headers, self.allowed)
        except Exception as error:  # whatever it is: who was not recognised does not pass
            return answers.unavailable(error)
        if visitor is None:
            return answers.token_needed() if is_measured else self._log_in(request, headers)
        if not visitor.is_allowed:
            return self._not_staff(visitor.name, as_page=self._is_page(request, headers))
        return self._detour(path) or Pass.STAFF

    def _bears_token(self, headers: HTTPHeaders) -> bool:
        if not self.metrics_token:
            return False
        # Tornado reads headers as Latin-1: this is what was sent.
        given = headers.get("Authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, f"Bearer {self.metrics_token}".encode())

    def _log_in(self, request: RequestStartLine, headers: HTTPHeaders) -> Answer:
        if self._is_page(request, headers):
            return answers.redirect(self._login_address(request.path))
        return answers.refused(f"Log in as staff at {self.login_url}")

    def _not_staff(self, name: str, *, as_page: bool) -> Answer:
        text = f"{name} is not staff. Ask an administrator for staff status"
        if as_page:
            return answers.refused_page(text, self._login_address(self.root))
        return answers.refused(text)

    def _is_page(self, request: RequestStartLine, headers: HTTPHeaders) -> bool:
        """Tell what a person opens from what a program or another page fetches."""
        return (
            request.method in {"GET", "HEAD"}
            and "text/html" in headers.get("Accept", "")
            and not request.path.startswith((f"{self.root}api/", f"{self.root}static/"))
        )

    def _login_address(self, path: str) -> str:
        after = path if path.startswith(self.root) else self.root
        return f"{self.login_url}?{urlencode({'next': after})}"

    def _detour(self, path: str) -> Answer | None:
        """Lead staff away from Flower's login and logout, which know nothing of the session."""
        if path in {f"{self.root}{door}" for door in ("login", "login/", "logout")}:
            return answers.redirect(self.site_url)
        if path in {"/", self.root.rstrip("/")} and path != self.root:
            return answers.redirect(self.root)
        return None
