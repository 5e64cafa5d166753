"""The middleware that gives each request an id, and logs one line about it."""

import logging
import re
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from config import log_context

logger = logging.getLogger("config.requests")

# Of a proxy or another service: a UUID, nginx's $request_id, and the like. Anything else could be
# a pile of text in every log line and every task's row.
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class RequestIds:
    """Takes a sane `X-Request-ID`, else makes one; answers with it, and what is logged has it.

    It stands first: what other middlewares log has the id too. An id is a name and no secret, and
    proves nothing: a visitor may send somebody else's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand before `get_response`."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer under an id."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if SANE.fullmatch(given) else uuid4().hex
        # Django says of a 404 that it was one when this has returned, and hands over the request.
        request.request_id = request_id  # type: ignore[attr-defined]
        with log_context.about(request_id=request_id):
            began = monotonic()
            response = self.get_response(request)
            response.headers["X-Request-ID"] = request_id
            _log(request, response.status_code, round((monotonic() - began) * 1000))
        return response


def _log(request: HttpRequest, status: int, milliseconds: int) -> None:
    """Log a request that reached a page: by its route, for a path or a query may hold a secret."""
    if request.resolver_match is None:  # a static file, a health check, or Django has logged it
        return
    route = f"/{request.resolver_match.route}"
    logger.info(
        "%s %s %d in %d ms",
        *(request.method, route, status, milliseconds),
        extra={
            "method": request.method,
            "route": route,
            "status": status,
            "milliseconds": milliseconds,
        },
    )
