"""The load: customers who sign up and buy over HTTP, and try again where the shop is away."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TypeVar

import httpx

from crash_lab.browser import REQUEST_SECONDS, Browser
from crash_lab.lab import Lab
from demo.client import ClaimFailed

Answer = TypeVar("Answer")
AGAIN_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A request that was not answered as it should: when, for how long, and how."""

    began: float
    seconds: float
    # The status of an answer; 0 where none came, or one that led elsewhere.
    status: int
    kind: str


class Load:
    """Customers of one scenario: their addresses begin with `tag`; every request is timed."""

    def __init__(self, lab: Lab, tag: str, *, pause_seconds: float = 0.0) -> None:
        """Nobody comes yet; each waits `pause_seconds` before a purchase."""
        self.lab, self.tag, self.pause_seconds = lab, tag, pause_seconds
        self.seconds: list[float] = []
        self.failed: list[Failure] = []
        # What the shop said was done; the database must hold it.
        self.bought: set[str] = set()
        self.signed_up: set[str] = set()
        self._numbers = itertools.count(1)
        self._is_over = threading.Event()

    @property
    def longest_seconds(self) -> float:
        """The longest that anybody waited for an answer, also for one that said no."""
        return max(self.seconds, default=0.0)

    @property
    def failures(self) -> Counter[str]:
        """How often requests failed, by kind."""
        return Counter(failure.kind for failure in self.failed)

    @property
    def median_seconds(self) -> float:
        """What half of the requests took at most."""
        return median(self.seconds) if self.seconds else 0.0

    @contextmanager
    def buying(self, customers: int) -> Iterator[None]:
        """Let customers sign up once and buy, until this is left."""
        with self._busy(customers, self._buy_until_over):
            yield

    @contextmanager
    def signing_up(self, customers: int) -> Iterator[None]:
        """Let new customers sign up, one after the other, until this is left."""
        with self._busy(customers, self._sign_up_until_over):
            yield

    def buy(self, count: int, customers: int, seconds: float) -> None:
        """Buy until there were `count` purchases or a few more, or the time is over."""
        with self.buying(customers):
            self.wait_until_bought(count, seconds)

    def wait_until_bought(self, count: int, seconds: float) -> None:
        """Wait until there were `count` purchases, or the time is over."""
        deadline = time.monotonic() + seconds
        while len(self.bought) < count and time.monotonic() < deadline:
            time.sleep(0.02)

    @contextmanager
    def _busy(self, customers: int, act: Callable[[], None]) -> Iterator[None]:
        self._is_over.clear()
        threads = [threading.Thread(target=act, daemon=True) for _ in range(customers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join(REQUEST_SECONDS)

    def _buy_until_over(self) -> None:
        with self._browser() as browser:
            self._persist(browser, partial(self._sign_up, browser))
            while not self._is_over.wait(self.pause_seconds):
                # The form is kept: sent again, it carries the same purchase token.
                form = self._persist(browser, browser.look)
                order = self._persist(browser, partial(browser.buy, form)) if form else None
                if order:
                    self.bought.add(order)

    def _sign_up_until_over(self) -> None:
        while not self._is_over.is_set():
            with self._browser() as browser:
                self._persist(browser, partial(self._sign_up, browser))

    def _sign_up(self, browser: Browser) -> None:
        # Another address each time: the one before may have been taken in spite of the error.
        email = f"{self.tag}-{next(self._numbers)}@example.com"
        browser.sign_up(email)
        self.signed_up.add(email)

    def _persist(self, browser: Browser, act: Callable[[], Answer]) -> Answer | None:
        """Do it until it is done, as somebody does who wants it; None where the time is over."""
        while not self._is_over.is_set():
            try:
                return act()
            except (httpx.HTTPError, ClaimFailed) as error:
                self.failed.append(_failure(browser, error))
                self._is_over.wait(AGAIN_SECONDS)
        return None

    def _browser(self) -> Browser:
        return Browser(self.lab.addresses.shop, self.seconds.append)


def _failure(browser: Browser, error: Exception) -> Failure:
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0
    kind = f"answered {status}" if status else type(error).__name__
    return Failure(began=browser.began, seconds=browser.seconds, status=status, kind=kind)
