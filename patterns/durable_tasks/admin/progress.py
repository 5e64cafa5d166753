"""Much is done a few seconds at a time, a request each, and one sees how far it is."""

import json
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from . import choosing, forms, words

if TYPE_CHECKING:
    from .pages import Pages

# Of one request: well within the patience of proxies and of people.
SECONDS_A_REQUEST = 3.0
MOST_REASONS = 10
MOST_ROWS = 10**9


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is, as the request before this one wrote it: for people, nothing relies on it."""

    total: int
    done: int
    left: dict[str, int]
    after: str | None

    @property
    def walked(self) -> int:
        """Return how many rows have been decided."""
        return self.done + sum(self.left.values())

    def plus(self, done: int, left: dict[str, int], after: str | None) -> "Progress":
        """Return it with what this request has done."""
        all_left = dict(Counter(self.left) + Counter(left))
        return replace(self, done=self.done + done, left=all_left, after=after)


def read(request: HttpRequest) -> Progress:
    """Return how far the requests before this one came."""
    data = request.POST
    return Progress(
        total=choosing.number(data, "total", MOST_ROWS),
        done=choosing.number(data, "done", MOST_ROWS),
        left=_left(data.get("left", "")),
        after=data.get("after") or None,
    )


def page(
    pages: "Pages",
    request: HttpRequest,
    choice: choosing.Choice,
    progress: Progress,
    **wording: str,
) -> HttpResponse:
    """Return the page that goes on by itself; `wording` has `name`, `going_on` and `done`."""
    carried = {
        "total": str(progress.total),
        "done": str(progress.done),
        "left": json.dumps(progress.left),
        **({"after": progress.after} if progress.after else {}),
    }
    return pages.page(
        request,
        "progress.html",
        f"{wording['going_on']} {words.count(progress.total)}",
        **{"wording": wording, "progress": progress, "back": forms.back(pages, request)},
        **{"done": f"{progress.done:,}", "total": words.count(progress.total)},
        left=sum(progress.left.values()),
        hidden=forms.hidden(request, choice, **carried),
    )


class TimeIsUp(Exception):
    """The rest is the next request's."""

    def __init__(self, done: int) -> None:
        """Keep how many were done."""
        super().__init__(done)
        self.done = done


class Clock:
    """Called with how many are done, after each batch: stops the walk when its time is up."""

    def __init__(self) -> None:
        """Begin now."""
        self.ends = time.monotonic() + SECONDS_A_REQUEST

    def __call__(self, done: int) -> None:
        """Raise TimeIsUp where it is."""
        if time.monotonic() > self.ends:
            raise TimeIsUp(done)


def _left(text: str) -> dict[str, int]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    pairs = list(found.items())[:MOST_REASONS] if isinstance(found, dict) else []
    return {why: number for why, number in pairs if type(number) is int and 0 < number < MOST_ROWS}
