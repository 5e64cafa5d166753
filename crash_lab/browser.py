"""One customer's browser: it signs up and buys, and every request is timed."""

import time
from collections.abc import Callable
from typing import Self

import httpx

from demo.client import ClaimFailed, hidden_fields

PASSWORD = "correct horse battery staple"  # noqa: S105  a customer of the lab
SIGNUP_PAGE, PRODUCT_PAGE = "/accounts/signup/", "/buy/signal-flags/"
# Far beyond any promise: what takes this long is counted as a request without an answer.
REQUEST_SECONDS = 60.0


class Browser:
    """Its own cookies; `tell` is told the seconds of each request, answered or not."""

    def __init__(self, address: str, tell: Callable[[float], None]) -> None:
        """Open it on the shop's address."""
        self._http = httpx.Client(base_url=address, timeout=REQUEST_SECONDS)
        self._tell = tell
        # Of the newest request, on the clock that only goes on.
        self.began = self.seconds = 0.0

    def __enter__(self) -> Self:
        """Return this browser."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self._http.close()

    def sign_up(self, email: str) -> None:
        """Become a customer. Raises ClaimFailed or httpx.HTTPError where that is not answered."""
        self._http.cookies.clear()
        form = hidden_fields(self._request("GET", SIGNUP_PAGE).text, "")
        self._submit(SIGNUP_PAGE, form | {"name": "", "email": email, "password": PASSWORD})

    def look(self) -> dict[str, str]:
        """Return the form of the buy button, which carries a purchase token of its own."""
        return hidden_fields(self._request("GET", PRODUCT_PAGE).text, PRODUCT_PAGE)

    def buy(self, form: dict[str, str]) -> str:
        """Send the form and return the order's id; the same form again gives the same order."""
        page = self._submit(PRODUCT_PAGE, form)
        if "/orders/" not in page:
            raise ClaimFailed(f"the purchase led to {page}")
        return page.strip("/").split("/")[-1]

    def _submit(self, page: str, form: dict[str, str]) -> str:
        answer = self._request("POST", page, form)
        if not answer.is_redirect:
            raise ClaimFailed(f"{page} answered {answer.status_code}")
        return answer.headers["Location"]

    def _request(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> httpx.Response:
        self.began = time.monotonic()
        try:
            answer = self._http.request(method, path, data=form)
        finally:
            self.seconds = time.monotonic() - self.began
            self._tell(self.seconds)
        return answer if answer.is_redirect else answer.raise_for_status()
