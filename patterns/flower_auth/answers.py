"""What is answered instead of Flower."""

import logging
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus

logger = logging.getLogger(__name__)

# No browser or proxy may keep an answer that the next login changes.
HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Flower is for staff</title>
<h1>Flower is for staff</h1><p>{text}, or <a href="{login}">log in as somebody else</a>.</p></html>
"""


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: HTTPStatus
    text: str = ""
    headers: dict[str, str] = field(default_factory=lambda: HEADERS)


def redirect(address: str) -> Answer:
    """Send a browser elsewhere."""
    return Answer(HTTPStatus.FOUND, headers=HEADERS | {"Location": address})


def refused(text: str) -> Answer:
    """Tell a program why, without leading it to a page."""
    return Answer(HTTPStatus.FORBIDDEN, f"{text}.\n")


def refused_page(text: str, login: str) -> Answer:
    """Tell a person why, and what to do."""
    page = PAGE.format(text=escape(text), login=escape(login))
    return Answer(
        HTTPStatus.FORBIDDEN, page, HEADERS | {"Content-Type": "text/html; charset=utf-8"}
    )


def token_needed() -> Answer:
    """Ask what reads metrics for its token."""
    text = "Send the metrics token: Authorization: Bearer <token>\n"
    headers = HEADERS | {"WWW-Authenticate": 'Bearer realm="flower"'}
    return Answer(HTTPStatus.UNAUTHORIZED, text, headers)


def unavailable(error: Exception) -> Answer:
    """Stay closed while nobody can be recognised, and write why in one line."""
    reason = next(iter(str(error).splitlines()), "no answer in time")
    logger.error("Flower is closed: no session was read (%s: %s)", type(error).__name__, reason)
    text = "Flower is closed while sessions cannot be read. Try again in a moment.\n"
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, text, HEADERS | {"Retry-After": "5"})
