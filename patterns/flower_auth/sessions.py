"""Who is asking: Django's own session and user, read anew for each request."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import HttpRequest, parse_cookie
from tornado.httputil import HTTPHeaders

# Longer than an attempt to reach a dead database, which Django projects let take about 5.
TIMEOUT_SECONDS = 10.0
# A session's key is printable, and so is a session signed into its cookie: browsers keep 4096.
SESSION_COOKIE = re.compile(r"[\x21-\x7e]{8,4096}")

Reading = Callable[[], "Visitor | None"]


@dataclass(frozen=True)
class Visitor:
    """Somebody with a session."""

    name: str
    is_allowed: bool


async def find_visitor(headers: HTTPHeaders, allowed: Callable[[Any], bool]) -> Visitor | None:
    """Return whose session the cookie names, None for nobody's.

    Raises what Django raises where the session cannot be read, TimeoutError after TIMEOUT_SECONDS.
    """
    cookies = parse_cookie("; ".join(headers.get_list("Cookie")))
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    if not SESSION_COOKIE.fullmatch(key):
        return None
    answer: asyncio.Future[Visitor | None] = asyncio.get_running_loop().create_future()
    _questions().put((answer, partial(_read, key, allowed)))
    return await asyncio.wait_for(answer, TIMEOUT_SECONDS)


@cache
def _questions() -> "SimpleQueue[tuple[asyncio.Future[Visitor | None], Reading]]":
    """Start the thread that reads: Django does not let an event loop use its database.

    There is one, with one connection. It is a daemon, unlike an executor's: a frozen database
    must not keep Flower from ending and saving its tasks.
    """
    questions: SimpleQueue[tuple[asyncio.Future[Visitor | None], Reading]] = SimpleQueue()
    Thread(target=_answer, args=[questions], name="sessions", daemon=True).start()
    return questions


def _answer(questions: "SimpleQueue[tuple[asyncio.Future[Visitor | None], Reading]]") -> None:
    while True:
        answer, read = questions.get()
        if answer.done():  # nobody waits any more
            continue
        try:
            settle = partial(_settle, answer, read(), None)
        except Exception as error:
            settle = partial(_settle, answer, None, error)
        answer.get_loop().call_soon_threadsafe(settle)


def _settle(
    answer: "asyncio.Future[Visitor | None]", visitor: "Visitor | None", error: Exception | None
) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(visitor)
    else:
        answer.set_exception(error)


def _read(key: str, allowed: Callable[[Any], bool]) -> Visitor | None:
    close_old_connections()
    try:
        request = HttpRequest()
        stored = import_module(settings.SESSION_ENGINE).SessionStore(key).load()
        request.session = _Snapshot(stored)  # type: ignore[assignment]  # all that is asked of it
        user = get_user(request)
        return Visitor(user.get_username(), allowed(user)) if user.is_authenticated else None
    finally:
        # What broke is dropped here, so that the next request tries a new connection.
        close_old_connections()


class _Snapshot(dict[str, Any]):
    """A session as it was read: to look at it neither ends nor renews the real one."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        """Keep the key: no answer of Flower's could bring the browser a new one."""
