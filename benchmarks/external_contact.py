"""`python -m benchmarks.external_contact`: what the tripwire costs a request, and all else.

With and without it alternate in short batches, and what is told is the median of their
differences: what disturbs a shared machine disturbs both. `--check` ends with 1 where a request
costs more than 20 microseconds.
"""

import argparse
import asyncio
import socket
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import django
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path

from patterns.external_contact import hook
from patterns.external_contact.scope import Scope

MOST_MICROSECONDS = 20.0
TRIPWIRE = "patterns.external_contact.middleware.ExternalContactMiddleware"
OTHERS = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
Does = Callable[[], object]


async def async_view(_: Any) -> HttpResponse:
    """Answer."""
    return HttpResponse("fine")


class Urls:
    """Two pages that do nothing."""

    urlpatterns = (path("", lambda _: HttpResponse("fine")), path("async", async_view))


def main() -> int:
    """Measure, print a line each, and return 1 where --check is given and the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.external_contact")
    parser.add_argument("--batches", type=int, default=300, help="batches of each kind (300)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a request costs too much")
    options = parser.parse_args()
    settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=Urls, SECRET_KEY="x")  # noqa: S106
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "db"}}
    django.setup()
    unhooked = microseconds(event, 1_000_000)
    hook.install()
    hooked = microseconds(event, 1_000_000)
    print(f"an audit event, of a request or not: {unhooked:.2f} us, with it {hooked:.2f} us")
    costs = [requests(options.batches), asyncio.run(async_requests(options.batches))]
    connections(options.batches)
    return int(options.check and max(costs) + hooked > MOST_MICROSECONDS)


def event() -> None:
    """Raise an audit event that is none of ours."""
    sys.audit("benchmark")


def requests(batches: int) -> float:
    """Return what a request costs more under WSGI."""
    request = RequestFactory().get("/")
    without, watched = handler(OTHERS), handler([TRIPWIRE, *OTHERS])
    return told(
        "a request, WSGI",
        batches,
        lambda: without.get_response(request),
        lambda: watched.get_response(request),
    )


async def async_requests(batches: int) -> float:
    """Return what it costs under ASGI, without middlewares that need a thread."""
    request = AsyncRequestFactory().get("/async")
    chains = [handler([], is_async=True), handler([TRIPWIRE], is_async=True)]
    differences, before = [], []
    for _ in range(batches):
        times = []
        for chain in chains:
            began = perf_counter()
            for _ in range(20):
                await chain.get_response_async(request)
            times.append((perf_counter() - began) / 20 * 1e6)
        before.append(times[0])
        differences.append(times[1] - times[0])
    return line("a request, ASGI", before, differences)


def connections(batches: int) -> float:
    """Return what a connection to a declared server costs more."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        address = server.getsockname()
        settings.EXTERNAL_CONTACT_ALLOWED = [f"127.0.0.1:{address[1]}"]

        def connect() -> None:
            socket.create_connection(address).close()
            server.accept()[0].close()

        def watched() -> None:
            token = hook.enter(Scope())
            connect()
            hook.leave(token)

        return told("a connection to a declared server", batches, connect, watched)


def handler(middleware: list[str], *, is_async: bool = False) -> BaseHandler:
    """Return Django's handler with these middlewares."""
    settings.MIDDLEWARE = middleware
    made = BaseHandler()
    made.load_middleware(is_async=is_async)
    return made


def told(what: str, batches: int, without: Does, watched: Does) -> float:
    """Measure both in turn, print a line, and return the difference in microseconds."""
    pairs = [(microseconds(without, 20), microseconds(watched, 20)) for _ in range(batches)]
    return line(what, [one for one, _ in pairs], [other - one for one, other in pairs])


def line(what: str, before: list[float], differences: list[float]) -> float:
    """Print the medians, and return that of the differences."""
    cost = statistics.median(differences)
    print(f"{what}: {statistics.median(before):.1f} us, with it {cost:+.1f} us")
    return cost


def microseconds(does: Does, times: int) -> float:
    """Return how long it takes once."""
    began = perf_counter()
    for _ in range(times):
        does()
    return (perf_counter() - began) / times * 1e6


if __name__ == "__main__":
    sys.exit(main())
