"""Two signups with one address at one moment, in threads, against PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection, connections
from django.test import Client

from accounts.models import User
from accounts.signals import user_signed_up

pytestmark = pytest.mark.django_db(transaction=True)
PERSON = {"email": "pat@example.com", "name": "Pat", "password": "correct horse"}
DEADLINE_SECONDS = 60  # a machine that runs everything else at once


def post_signup(person: dict[str, str]) -> tuple[int, bool]:
    """Sign up in a browser of its own: the status, and whether it is logged in afterwards."""
    try:
        client = Client(raise_request_exception=False)
        response = client.post("/accounts/signup/", person)
        return response.status_code, "_auth_user_id" in client.session
    finally:
        connections.close_all()


def test_a_second_signup_waits_for_the_first_and_logs_into_its_account(
    mailoutbox: list[EmailMessage], hold_first_signup: Callable[[], None]
) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(post_signup, PERSON)
        hold_first_signup()
        second = pool.submit(post_signup, PERSON | {"email": "PAT@example.com"})

    assert first.result() == second.result() == (HTTPStatus.FOUND, True)
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


def test_a_second_signup_with_another_password_is_told_that_the_address_is_taken(
    mailoutbox: list[EmailMessage], hold_first_signup: Callable[[], None]
) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(post_signup, PERSON)
        hold_first_signup()
        second = pool.submit(post_signup, PERSON | {"password": "something else"})

    assert first.result() == (HTTPStatus.FOUND, True)
    assert second.result() == (HTTPStatus.OK, False)
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


def test_a_crowd_with_one_address_makes_one_account_and_one_mail(
    mailoutbox: list[EmailMessage],
) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(post_signup, [PERSON] * 8))

    assert set(results) == {(HTTPStatus.FOUND, True)}
    assert User.objects.count() == 1
    assert len(mailoutbox) == 1


@pytest.fixture
def hold_first_signup() -> Any:
    """Keep the first signup's transaction open until another one waits for it in the database."""
    inserted = Event()

    def wait_for_rival(**_: Any) -> None:
        inserted.set()
        deadline = monotonic() + DEADLINE_SECONDS
        while not is_anybody_waiting_for_us():
            assert monotonic() < deadline, "no second signup came to wait for the first"
            sleep(0.02)

    user_signed_up.connect(wait_for_rival)
    yield lambda: inserted.wait(DEADLINE_SECONDS)
    user_signed_up.disconnect(wait_for_rival)


def is_anybody_waiting_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])
