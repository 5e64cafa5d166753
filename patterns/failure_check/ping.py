"""The dead man's switch: an address is asked for while all is clear.

Whoever watches it, outside, says when that ends: because of a problem, or because nobody is left
who could tell of one.
"""

from urllib.request import Request, urlopen

from . import configuration


def ping() -> None:
    """Ask for FAILURE_CHECK_PING_URL, where it is set. Raises OSError or ValueError."""
    url = configuration.ping_url()
    if not url:
        return
    if not url.startswith(("https://", "http://")):
        raise ValueError("FAILURE_CHECK_PING_URL is no http:// or https:// address.")
    request = Request(url, headers={"User-Agent": "failure-check"})  # noqa: S310  checked above
    with urlopen(request, timeout=configuration.timeout_seconds() / 2) as answer:  # noqa: S310
        answer.read(1)
