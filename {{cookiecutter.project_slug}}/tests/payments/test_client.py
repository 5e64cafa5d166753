"""Every answer of the provider becomes a charge, a permanent error or a transient one."""

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from config.base_task import ShopTask
from development.ports import free_port
from development.testing import PaymentProvider
from payments import client
from payments.client import Charge, PaymentDeclined, PaymentRefused, PaymentUnavailable

ASKED: dict[str, Any] = {"amount_cents": 1250, "currency": "EUR", "reference": "order-1"}
Answer = Callable[..., None]


def charge(key: str = "key-1", **changed: Any) -> Charge:
    return client.charge(**ASKED | changed, idempotency_key=key)


@pytest.fixture
def answer(settings: Any) -> Iterator[Answer]:
    """Run a provider that gives one scripted answer, in a thread of the test."""
    script: dict[str, Any] = {}

    class Scripted(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(script["status"])
            for name, value in script["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(script["body"])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    def give(status: int, body: bytes, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        script.update(status=status, body=body, headers=named)

    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        thread = Thread(target=server.serve_forever, args=[0.02])  # seconds to notice the end
        thread.start()
        settings.PAYMENTS_URL = f"http://127.0.0.1:{server.server_address[1]}"
        yield give
        server.shutdown()
        thread.join()


def test_a_charge_is_made_once_a_key(payment_provider: PaymentProvider) -> None:
    assert charge() == charge()
    assert charge("key-2") != charge()
    assert len(payment_provider.charges()["charges"]) == 2


def test_a_declined_card_is_permanent_and_says_why(payment_provider: PaymentProvider) -> None:
    payment_provider.control(decline_next=1)
    with pytest.raises(PaymentDeclined) as declined:
        charge()
    assert declined.value.reason == "the card was declined"
    assert not ShopTask().is_transient(declined.value)


def test_a_key_with_another_amount_is_refused(payment_provider: PaymentProvider) -> None:
    charge()
    with pytest.raises(PaymentRefused, match=r"422 .*another amount") as refused:
        charge(amount_cents=1)
    assert not refused.value.nothing_was_done  # the key has charged something


def test_a_wrong_key_names_the_setting_and_not_its_value(
    payment_provider: PaymentProvider, settings: Any
) -> None:
    settings.PAYMENTS_API_KEY = "hush-hush"
    with pytest.raises(PaymentRefused, match=r"401 .*check PAYMENTS_API_KEY") as refused:
        charge()
    assert "hush-hush" not in str(refused.value)
    assert refused.value.nothing_was_done


def test_a_failing_provider_is_asked_again(payment_provider: PaymentProvider) -> None:
    payment_provider.control(fail_next=1)
    with pytest.raises(PaymentUnavailable, match="503") as unavailable:
        charge()
    assert ShopTask().is_transient(unavailable.value)
    charge()


def test_a_provider_that_is_busy_with_the_same_key_is_asked_again(
    payment_provider: PaymentProvider,
) -> None:
    payment_provider.control(in_progress_next=1)
    with pytest.raises(PaymentUnavailable, match="409") as unavailable:
        charge()
    assert ShopTask().is_transient(unavailable.value)
    charge()


def test_a_provider_that_fails_after_it_charged_has_charged_once(
    payment_provider: PaymentProvider,
) -> None:
    payment_provider.control(fail_after_charge_next=1)
    with pytest.raises(PaymentUnavailable):
        charge()
    assert [charge().id] == [made["id"] for made in payment_provider.charges()["charges"]]


def test_a_provider_that_is_too_slow_is_asked_again(
    payment_provider: PaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(60, read=0.2))
    payment_provider.control(slow_seconds=5)
    with pytest.raises(PaymentUnavailable, match="ReadTimeout"):
        charge()


def test_a_provider_that_is_not_there_is_asked_again(settings: Any) -> None:
    port = free_port()
    settings.PAYMENTS_URL = f"http://shop:hunter2@127.0.0.1:{port}"
    with pytest.raises(PaymentUnavailable, match="ConnectError") as unavailable:
        charge()
    assert f"no answer from http://127.0.0.1:{port}/charges" in str(unavailable.value)
    assert "hunter2" not in str(unavailable.value)


def test_a_provider_that_hangs_up_is_asked_again(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.PAYMENTS_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def hang_up() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1)

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(PaymentUnavailable):
            charge()
        thread.join()


@pytest.mark.parametrize("key", ["a\nb", "a\r\nX-Evil: 1", "ключ", "schlüssel", "key\t", "key "])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(
    answer: Answer, settings: Any, key: str
) -> None:
    answer(201, b"")
    settings.PAYMENTS_API_KEY = key
    with pytest.raises(PaymentRefused, match="check PAYMENTS_URL and PAYMENTS_API_KEY") as refused:
        charge()
    assert key not in str(refused.value)
    assert refused.value.nothing_was_done


def test_an_exchange_that_breaks_off_on_our_side_may_have_charged(
    payment_provider: PaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = httpx.Client.send

    def break_off(*args: Any, **options: Any) -> Any:
        send(*args, **options)
        raise httpx.LocalProtocolError("Illegal header value b'Bearer hush-hush'")

    with monkeypatch.context() as patch:
        patch.setattr(httpx.Client, "send", break_off)
        with pytest.raises(PaymentUnavailable, match="broke off") as unavailable:
            charge()
    assert unavailable.value.__suppress_context__
    assert [charge().id] == [made["id"] for made in payment_provider.charges()["charges"]]


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://"])
def test_a_url_that_is_none_is_refused(settings: Any, url: str) -> None:
    settings.PAYMENTS_URL = url
    with pytest.raises(PaymentRefused, match="check PAYMENTS_URL") as refused:
        charge()
    assert refused.value.nothing_was_done


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"amount_cents": 1250, "currency": "EUR", "reference": "order-1"}',
        b'{"id": "", "amount_cents": 1250, "currency": "EUR", "reference": "order-1"}',
        b'{"id": 7, "amount_cents": 1250, "currency": "EUR", "reference": "order-1"}',
        b'{"id": "a\\u0000b", "amount_cents": 1250, "currency": "EUR", "reference": "order-1"}',
    ],
)
def test_a_broken_answer_is_asked_for_again(answer: Answer, body: bytes) -> None:
    answer(200, body)
    with pytest.raises(PaymentUnavailable):
        charge()


@pytest.mark.parametrize(
    "wrong", [{"amount_cents": 125000}, {"currency": "USD"}, {"reference": "order-2"}]
)
def test_an_answer_about_another_charge_is_for_a_person(
    answer: Answer, wrong: dict[str, Any]
) -> None:
    answer(201, json.dumps({"id": "ch_9"} | ASKED | wrong).encode())
    with pytest.raises(
        PaymentRefused, match=f"'ch_9' is not what was asked for: {next(iter(wrong))}"
    ):
        charge()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_a_busy_provider_is_asked_again_when_it_asks_for_it(answer: Answer, status: int) -> None:
    answer(status, b"", Retry_After="120")
    with pytest.raises(PaymentUnavailable) as unavailable:
        charge()
    assert ShopTask().is_transient(unavailable.value)
    assert unavailable.value.response is not None  # the base task reads its Retry-After
    assert unavailable.value.response.headers["Retry-After"] == "120"


@pytest.mark.parametrize("status", [204, 302, 400, 403, 404, 410, 422])
def test_any_other_answer_is_no_charge(answer: Answer, status: int) -> None:
    answer(status, b"", Location="http://127.0.0.1:1/elsewhere")
    with pytest.raises((PaymentRefused, PaymentUnavailable)):
        charge()


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"{}", b'{"error": 7}', b'{"error": " "}'])
def test_a_decline_without_words_is_a_decline(answer: Answer, body: bytes) -> None:
    answer(402, body)
    with pytest.raises(PaymentDeclined) as declined:
        charge()
    assert declined.value.reason == "The card was declined."


def test_a_reason_is_fit_to_be_stored_and_shown(answer: Answer) -> None:
    answer(402, json.dumps({"error": "no\x00\nmoney" + "!" * 999}).encode())
    with pytest.raises(PaymentDeclined) as declined:
        charge()
    assert declined.value.reason.startswith("no  money!!!")
    assert len(declined.value.reason) == 255
