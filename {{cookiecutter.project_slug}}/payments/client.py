"""Charge a customer at the payment provider, over HTTP, with an idempotency key.

Every answer becomes one of three: a Charge, an error that trying again cannot help
(PaymentDeclined, PaymentRefused), or one that it may (PaymentUnavailable). Call it from a task,
with no transaction open.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from patterns.retrying_task import PermanentError, TransientError

TIMEOUT = httpx.Timeout(
    connect=3,  # seconds; one lost SYN is repeated after 1, a provider that is up answers
    read=30,  # a provider that asks a bank takes seconds; far below the task's soft limit of 300
    write=5,  # the request is one packet
    pool=1,  # never waited for: each charge has a connection of its own
)
# All of these together, and time to spare for an answer that comes in pieces.
LONGEST_CALL_SECONDS = 60
# How long the provider answers a repeated key with the first charge; later it would charge again.
# A promise of theirs: take it from your provider's documentation.
KEEPS_KEY_HOURS = 24
# "timeout", "conflict", "too early", "too many": said by a healthy server. A conflict is a first
# request with the key that is still being worked on: ours of before, whose answer did not come.
TRY_LATER = frozenset({408, 409, 425, 429})
TEXT_LENGTH = 255  # what a column of ours holds; a longer id is no id, a longer reason is cut
NO_REASON = "The card was declined."


class PaymentDeclined(PermanentError):
    """The customer's bank said no; `reason` is for the customer to read."""

    def __init__(self, reason: str) -> None:
        """Keep the reason beside the message."""
        super().__init__(reason)
        self.reason = reason


class PaymentRefused(PermanentError):
    """The provider does not take this request, or answered to another: somebody must look."""

    def __init__(self, message: str, *, nothing_was_done: bool = False) -> None:
        """Tell the ledger whether it was refused before anybody looked at what it asks for."""
        super().__init__(message)
        self.nothing_was_done = nothing_was_done


class PaymentUnavailable(TransientError):
    """No usable answer: whether it charged is unknown, so ask again with the same key."""

    def __init__(self, message: str, response: httpx.Response | None = None) -> None:
        """Keep the answer, if there was one: its Retry-After tells the task when to ask again."""
        super().__init__(message)
        self.response = response


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What the provider has charged; `id` is its own name for it."""

    id: str
    amount_cents: int
    currency: str


def charge(*, amount_cents: int, currency: str, reference: str, idempotency_key: str) -> Charge:
    """Charge `amount_cents` (of `currency`, e.g. "EUR") for our `reference`, and return it.

    Raises PaymentDeclined, PaymentRefused or PaymentUnavailable, as the module says. Crash or
    duplicate: the same key gives the charge that was made, and makes no second one.
    """
    asked = {"amount_cents": amount_cents, "currency": currency, "reference": reference}
    response = _post(asked, idempotency_key)
    if response.status_code == httpx.codes.PAYMENT_REQUIRED:
        raise PaymentDeclined(_reason(response))
    _raise_for_status(response)
    return _charge(_json(response), asked)


def _post(asked: dict[str, Any], idempotency_key: str) -> httpx.Response:
    # A client for each charge: a connection must not be shared by forked workers.
    with httpx.Client(timeout=TIMEOUT) as connection:
        request = _request(connection, asked, idempotency_key)
        try:
            return connection.send(request)
        except httpx.UnsupportedProtocol:  # before there is a connection
            raise _not_sent() from None
        except httpx.LocalProtocolError as error:
            # Raised at any point of the exchange, so it may be sent. The cause may quote a header.
            raise PaymentUnavailable(f"the exchange broke off: {type(error).__name__}") from None
        except httpx.RequestError as error:
            where = _without_password(str(request.url))
            raise PaymentUnavailable(f"no answer from {where}: {type(error).__name__}") from error


def _request(connection: httpx.Client, asked: dict[str, Any], key: str) -> httpx.Request:
    headers = {"Authorization": f"Bearer {settings.PAYMENTS_API_KEY}", "Idempotency-Key": key}
    url = f"{settings.PAYMENTS_URL.rstrip('/')}/charges"
    if not all(map(_is_header, headers.values())):
        raise _not_sent()
    try:
        request = connection.build_request("POST", url, json=asked, headers=headers)
    except (httpx.InvalidURL, ValueError):
        raise _not_sent() from None
    if not request.url.host:
        raise _not_sent()
    return request


def _is_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()


def _not_sent() -> PaymentRefused:
    return PaymentRefused(
        "the request cannot be made: check PAYMENTS_URL and PAYMENTS_API_KEY", nothing_was_done=True
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _raise_for_status(response: httpx.Response) -> None:
    if response.is_success:
        return
    status = f"{response.status_code} {response.reason_phrase}"
    if response.is_server_error or response.status_code in TRY_LATER:
        raise PaymentUnavailable(f"the payment provider answered {status}", response)
    remedy = {
        401: "check PAYMENTS_API_KEY",
        403: "check PAYMENTS_API_KEY",
        404: "check PAYMENTS_URL",
        422: "the idempotency key was used with another amount, currency or reference",
    }.get(response.status_code, "see the provider's documentation")
    # Who asks comes before what is asked. Of the others one cannot tell.
    nothing_was_done = response.status_code in {401, 403}
    raise PaymentRefused(
        f"the payment provider answered {status}: {remedy}", nothing_was_done=nothing_was_done
    )


def _reason(response: httpx.Response) -> str:
    try:
        answer = _json(response)
    except PaymentUnavailable:
        return NO_REASON  # the status alone says that it is declined
    reason = answer.get("error")
    if not isinstance(reason, str) or not reason.strip():
        return NO_REASON
    return "".join(letter if letter.isprintable() else " " for letter in reason)[:TEXT_LENGTH]


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:
        raise PaymentUnavailable("the payment provider's answer is no JSON") from error
    if not isinstance(answer, dict):
        raise PaymentUnavailable("the payment provider's answer is no JSON object")
    return answer


def _charge(answer: dict[str, Any], asked: dict[str, Any]) -> Charge:
    # A broken answer is asked for again: the same key repeats it whole. A whole one about
    # something else stays wrong, and money may have moved: a person must look.
    charge_id = answer.get("id")
    if not isinstance(charge_id, str) or not _is_storable(charge_id):
        raise PaymentUnavailable("the payment provider's answer has no id")
    if wrong := [name for name in asked if answer.get(name) != asked[name]]:
        raise PaymentRefused(f"charge {charge_id!r} is not what was asked for: {', '.join(wrong)}")
    return Charge(id=charge_id, amount_cents=asked["amount_cents"], currency=asked["currency"])


def _is_storable(text: str) -> bool:
    return 0 < len(text) <= TEXT_LENGTH and text.isprintable()
