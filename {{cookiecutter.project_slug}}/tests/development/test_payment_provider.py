"""The provider's separate process, spoken to as the shop speaks to it."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from development.payment_provider import Charges
from development.ports import free_port
from development.testing import ROOT, PaymentProvider

CHARGE = {"amount_cents": 1999, "currency": "EUR", "reference": "order-1"}


@pytest.fixture(scope="module")
def refusing_provider() -> Iterator[PaymentProvider]:
    """Give one process to all tests that change nothing in it."""
    with PaymentProvider("its key", os.environ["ALL_SERVERS_FOLDER"]) as provider:
        yield provider


def charge(
    provider: PaymentProvider, key: str = "k", *, timeout: Any = 60, **changes: Any
) -> httpx.Response:
    return httpx.post(
        f"{provider.url}/charges",
        json=CHARGE | changes,
        headers={"Authorization": f"Bearer {provider.api_key}", "Idempotency-Key": key},
        timeout=timeout,
    )


def test_a_charge_is_answered_with_its_id_and_listed(payment_provider: PaymentProvider) -> None:
    answer = charge(payment_provider)
    assert answer.status_code == 201
    assert answer.json() == CHARGE | {"id": answer.json()["id"]}
    assert payment_provider.charges() == {"charges": [answer.json()], "attempts": 1}


def test_the_same_key_charges_once_and_is_answered_alike(payment_provider: PaymentProvider) -> None:
    first, second = charge(payment_provider), charge(payment_provider)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(payment_provider.charges()["charges"]) == 1


def test_twenty_at_once_with_one_key_charge_once(payment_provider: PaymentProvider) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: charge(payment_provider).json()["id"], range(20)))
    assert len(set(answers)) == 1
    assert payment_provider.charges()["attempts"] == 20


def test_a_key_used_with_another_amount_is_refused(payment_provider: PaymentProvider) -> None:
    charge(payment_provider)
    assert charge(payment_provider, amount_cents=1).status_code == 422


def test_told_to_fail_it_fails_so_often_and_charges_nothing(
    payment_provider: PaymentProvider,
) -> None:
    payment_provider.control(fail_next=2)
    assert [charge(payment_provider).status_code for _ in range(3)] == [503, 503, 201]
    assert len(payment_provider.charges()["charges"]) == 1


def test_told_to_fail_after_the_charge_it_has_charged(payment_provider: PaymentProvider) -> None:
    payment_provider.control(fail_after_charge_next=1)
    assert charge(payment_provider).status_code == 500
    assert len(payment_provider.charges()["charges"]) == 1
    assert charge(payment_provider).status_code == 200


def test_told_to_decline_it_answers_402_with_a_reason(payment_provider: PaymentProvider) -> None:
    payment_provider.control(decline_next=1)
    answer = charge(payment_provider)
    assert (answer.status_code, answer.json()) == (402, {"error": "the card was declined"})
    assert payment_provider.charges()["charges"] == []


def test_told_to_be_busy_with_the_key_it_answers_409_and_charges_nothing(
    payment_provider: PaymentProvider,
) -> None:
    payment_provider.control(in_progress_next=1)
    assert charge(payment_provider).status_code == 409
    assert payment_provider.charges()["charges"] == []
    assert charge(payment_provider).status_code == 201


def test_told_to_be_slow_it_is(payment_provider: PaymentProvider) -> None:
    payment_provider.control(slow_seconds=0.3)
    began = time.monotonic()
    assert charge(payment_provider).status_code == 201
    assert time.monotonic() - began >= 0.3


def test_told_to_be_slow_after_a_charge_it_holds_back_the_answer_alone(
    payment_provider: PaymentProvider,
) -> None:
    payment_provider.control(slow_after_charge_seconds=120)
    with pytest.raises(httpx.ReadTimeout):
        charge(payment_provider, timeout=httpx.Timeout(60, read=1))
    deadline = time.monotonic() + 30
    while not (charges := payment_provider.charges()["charges"]):
        assert time.monotonic() < deadline, "nothing was charged"
        time.sleep(0.05)
    assert len(charges) == 1


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Idempotency-Key": "k"}, CHARGE, 401),
        ({"Authorization": "Bearer wrong", "Idempotency-Key": "k"}, CHARGE, 401),
        ({"Authorization": "Bearer {key}"}, CHARGE, 400),
        ({"Authorization": "Bearer {key}", "Idempotency-Key": "k"}, {}, 400),
        ({"Authorization": "Bearer {key}", "Idempotency-Key": "k"}, [], 400),
        (
            {"Authorization": "Bearer {key}", "Idempotency-Key": "k"},
            CHARGE | {"amount_cents": True},
            400,
        ),
        (
            {"Authorization": "Bearer {key}", "Idempotency-Key": "k"},
            CHARGE | {"amount_cents": -1},
            400,
        ),
    ],
)
def test_a_wrong_request_is_refused_and_charges_nothing(
    refusing_provider: PaymentProvider, headers: dict[str, str], body: object, status: int
) -> None:
    filled = {n: v.replace("{key}", refusing_provider.api_key) for n, v in headers.items()}
    answer = httpx.post(f"{refusing_provider.url}/charges", json=body, headers=filled)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert refusing_provider.charges()["charges"] == []


@pytest.mark.parametrize(
    "wanted", ["{", "[]", '{"fail": 1}', '{"fail_next": "x"}', '{"fail_next": -1}']
)
def test_a_wrong_order_to_misbehave_changes_nothing(
    refusing_provider: PaymentProvider, wanted: str
) -> None:
    answer = httpx.post(f"{refusing_provider.url}/control", content=wanted)
    assert answer.status_code == 400
    assert set(httpx.get(f"{refusing_provider.url}/control").json().values()) == {0}


@pytest.mark.parametrize("path", ["/control", "/charges"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:8081"},
    ],
)
def test_a_web_page_gives_no_orders(
    refusing_provider: PaymentProvider, path: str, headers: dict[str, str]
) -> None:
    key = {"Authorization": f"Bearer {refusing_provider.api_key}", "Idempotency-Key": "k"}
    order = CHARGE if path == "/charges" else {"fail_next": 1}
    answer = httpx.post(f"{refusing_provider.url}{path}", json=order, headers=key | headers)
    assert answer.status_code == 403
    assert refusing_provider.charges()["charges"] == []
    assert set(httpx.get(f"{refusing_provider.url}/control").json().values()) == {0}


def test_a_page_that_rebinds_its_name_reads_nothing(refusing_provider: PaymentProvider) -> None:
    answer = httpx.get(f"{refusing_provider.url}/charges", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert set(answer.json()) == {"error"}


def test_the_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "charges.json"
    Charges(state).charge("k", CHARGE)
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def test_with_a_state_file_charges_survive_kill_9(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "charges.json"
    for expected in (201, 200):
        process = start(port, "--state", str(state))
        answer = httpx.post(
            f"http://127.0.0.1:{port}/charges", json=CHARGE, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == expected
        process.kill()
        process.communicate()


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    port = free_port()
    process = start(port)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0


def test_a_port_in_use_is_said_in_one_line(refusing_provider: PaymentProvider) -> None:
    command = [sys.executable, "-m", "development.payment_provider"]
    failed = subprocess.run(
        [*command, "--port", str(refusing_provider.port)], cwd=ROOT, capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert str(refusing_provider.port) in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def start(port: int, *options: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "development.payment_provider", "--port", str(port), *options],
        cwd=ROOT,
        env={},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            return process
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
