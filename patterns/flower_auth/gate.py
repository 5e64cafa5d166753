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

RIGHT = 'the permission "Can see Flower"'
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


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
    is_read_only: bool

    async def judge(self, request: RequestStartLine, headers: HTTPHeaders) -> Pass | Answer:
        """Return who passes or what is answered instead; never raises."""
        path = request.path.partition("?")[0]
        is_measured = path in {f"{self.root}metrics", f"{self.root}healthcheck"}
        if is_measured and self._bears_token(headers):
            return self._not_here(request, headers, path) or Pass.BEARER
        try:
            visitor = await find_visitor(headers, self.allowed)
        except Exception as error:  # whatever it is: who was not recognised does not pass
            return answers.unavailable(error)
        if visitor is None:
            return answers.token_needed() if is_measured else self._log_in(request, headers)
        if not visitor.is_allowed:
            return self._not_staff(visitor.name, as_page=self._is_page(request, headers))
        return self._not_here(request, headers, path) or self._detour(path) or Pass.STAFF

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
        text = f"{name} may not see Flower. Ask an administrator for staff status and {RIGHT}"
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

    def _not_here(
        self, request: RequestStartLine, headers: HTTPHeaders, path: str
    ) -> Answer | None:
        """Refuse to everybody what Flower is not for."""
        # What comes through an open one would be checked no more. Flower 2.2 has none.
        if "websocket" in headers.get("Upgrade", "").lower():
            return answers.refused("No websocket is opened here")
        # Its table of tasks asks by POST, and changes nothing.
        is_safe = request.method in SAFE_METHODS or path == f"{self.root}tasks/datatable"
        if self.is_read_only and not is_safe:
            return answers.refused("Flower is for looking here: its actions are not allowed")
        return None

    def _detour(self, path: str) -> Answer | None:
        """Lead staff away from Flower's login and logout, which know nothing of the session."""
        if path in {f"{self.root}{door}" for door in ("login", "login/", "logout")}:
            return answers.redirect(self.site_url)
        if path != self.root and self.root.startswith(f"{path.rstrip('/')}/"):
            return answers.redirect(self.root)
        return None
