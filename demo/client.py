"""A visitor of the shop: what a browser does, over HTTP, and what it sees."""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any, Self, TypeVar

import httpx

from demo.shop import Addresses

Seen = TypeVar("Seen")
# Far beyond what any answer should take on a slow machine: a hanging request is a finding.
REQUEST_SECONDS = 30


class ClaimFailed(Exception):
    """What the story claims does not hold."""


class NotSeen(ClaimFailed):
    """What was waited for did not come in time."""


class Visitor:
    """One browser: its own cookies, and the time that its last request took."""

    def __init__(self, addresses: Addresses) -> None:
        """Open a browser of its own."""
        self.addresses = addresses
        self.http = httpx.Client(
            base_url=addresses.shop, follow_redirects=True, timeout=REQUEST_SECONDS
        )
        self.seconds = 0.0

    def __enter__(self) -> Self:
        """Return this visitor."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the browser."""
        self.http.close()

    def get(self, path: str) -> httpx.Response:
        """Open a page; an error page is an error."""
        return self.http.get(path).raise_for_status()

    def submit(self, page: str, to: str = "", **fields: str) -> httpx.Response:
        """Fill in the form of a page and send it; `seconds` is what its answer took.

        `to` is the form's own action, left out where it posts to its page.
        The answer is the page that the shop redirects to, or the form again, with its errors.
        """
        data = hidden_fields(self.get(page).text, to) | fields
        url = self.http.base_url.join(to or page)
        started = time.monotonic()
        answer = self.http.post(
            url, data=data, headers={"Referer": str(url)}, follow_redirects=False
        )
        self.seconds = time.monotonic() - started
        if answer.next_request is None:
            return answer.raise_for_status()
        return self.http.send(answer.next_request, follow_redirects=True).raise_for_status()

    def sign_up(self, name: str, email: str) -> None:
        """Become a customer; raise where the shop does not take the form."""
        password = "correct horse battery staple"  # noqa: S105  a customer of the demo
        answer = self.submit("/accounts/signup/", name=name, email=email, password=password)
        claim("/accounts/signup/" not in str(answer.url), f"signup of {email} was refused")

    def log_in(self, email: str, password: str) -> None:
        """Log in as somebody who has an account; nothing is done where they are in already."""
        if "/accounts/login/" not in str(self.get("/accounts/login/").url):
            return
        answer = self.submit("/accounts/login/", username=email, password=password)
        claim("/accounts/login/" not in str(answer.url), f"login of {email} was refused")

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        """Return what the mail catcher received for an address."""
        mails = httpx.get(f"{self.addresses.mails}/mails.json", timeout=REQUEST_SECONDS)
        return [mail for mail in mails.raise_for_status().json() if address in str(mail["to"])]

    def tell_mail_server(self, **settings: float) -> None:
        """Make the mail catcher slow, or refuse."""
        control(self.addresses.mails, settings)

    def tell_provider(self, **settings: float) -> None:
        """Make the payment provider slow, or fail."""
        control(self.addresses.payments, settings)

    def charges(self) -> dict[str, Any]:
        """Return the payment provider's own books."""
        answer = httpx.get(f"{self.addresses.payments}/charges", timeout=REQUEST_SECONDS)
        books: dict[str, Any] = answer.raise_for_status().json()
        return books


def claim(holds: bool, otherwise: str) -> None:
    """Raise ClaimFailed with what is wrong, where a claim does not hold."""
    if not holds:
        raise ClaimFailed(otherwise)


def hidden_fields(page: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form of a page that is sent to `action`."""
    for attributes, inside in re.findall(r"<form([^>]*)>(.*?)</form>", page, flags=re.DOTALL):
        found = re.search(r'action="([^"]*)"', attributes)
        if (found.group(1) if found else "") == action:
            pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside)
            return {name: unescape(value) for name, value in pairs}
    raise ClaimFailed(f"the page has no form for {action or 'itself'}")


def control(address: str, settings: dict[str, float]) -> None:
    """Tell a stand-in of the outside world how to behave."""
    httpx.post(f"{address}/control", json=settings, timeout=REQUEST_SECONDS).raise_for_status()


def wait_for(what: str, look: Callable[[], Seen], seconds: float = 60) -> Seen:
    """Look until there is something to see, and return it.

    Raises NotSeen after `seconds`, which are generous: the demo judges by what happened in
    which order, never by the speed of the machine.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise NotSeen(f"{what} did not happen within {seconds:.0f} s")
