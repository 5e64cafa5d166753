"""Whether the process answers, is ready, and whether tasks are well: for machines that ask often.

Each answer is a word, comes within seconds whatever is frozen, and is kept by no cache.
"""

import logging
from collections.abc import Callable
from time import monotonic

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.bounded import Bounded, NoAnswer
from config.readiness import NotReady, check_database, check_migrations

logger = logging.getLogger(__name__)

# What asks gives up after 5 seconds or so, and would not hear why.
ANSWER_SECONDS = 3.0
# So long an answer is good for all who ask a process: strangers may ask a thousand times.
FRESH_SECONDS = 1.0


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Say that this process answers. Nothing else is asked: a restart would not mend it."""
    return said(True)


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say whether the database takes writes and is migrated; why not is in the log."""
    return said(_readiness.holds())


class Readiness:
    """What this process knows of the database it needs."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._bounded = Bounded()
        self._asked_at = float("-inf")
        self._is_ready = False

    def holds(self) -> bool:
        """Tell whether requests can be served."""
        if monotonic() - self._asked_at > FRESH_SECONDS:
            # Two at once both ask: the one thread behind them takes one after the other.
            self._is_ready, self._asked_at = self._asks(), monotonic()
        return self._is_ready

    def _asks(self) -> bool:
        try:
            self._bounded.ask(_check, seconds=ANSWER_SECONDS)
        except (NotReady, NoAnswer, Error) as missing:
            logger.warning("Not ready: %s", missing)
            return False
        return True


_readiness = Readiness()


def _check() -> None:
    check_database()
    check_migrations()


def said(is_well: bool) -> HttpResponse:
    """Return the one word that a stranger is told."""
    return HttpResponse(
        "ok\n" if is_well else "not ok\n",
        status=200 if is_well else 503,
        content_type="text/plain",
        headers={"X-Content-Type-Options": "nosniff"},
    )


class HealthFirst:
    """Answers what a load balancer asks before any other middleware could refuse it.

    It asks each machine by its own address and without TLS: ALLOWED_HOSTS would say 400, and the
    redirect to https 301. The answer is the same word for every Host, so a forged one wins nothing.
    `/health/tasks` is for monitors outside, which use the site's own name and TLS as anybody.
    """

    VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {  # noqa: RUF012  a constant
        "/health/live": live,
        "/health/ready": ready,
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand before `get_response`."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one of these paths, and let all others through."""
        return self.VIEWS.get(request.path_info, self.get_response)(request)
