"""Signing up: once, twice, two at once, with anything in the form."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.signals import user_signed_up
from accounts.signup import sign_up

pytestmark = pytest.mark.django_db
SIGNUP = "/accounts/signup/"
PERSON = {"email": "pat@example.com", "name": "Pat", "password": "correct horse"}


def signed_in(client: Client) -> User | None:
    return User.objects.filter(pk=client.session.get("_auth_user_id", 0)).first()


def test_a_signup_logs_in_welcomes_by_name_and_mails_once(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    response = client.post(SIGNUP, PERSON | {"name": "<b>Zoë</b> 🎉"}, follow=True)

    assert response.redirect_chain == [("/", HTTPStatus.FOUND)]
    assert "Welcome, &lt;b&gt;Zoë&lt;/b&gt; 🎉." in response.content.decode()
    assert signed_in(client) == User.objects.get(email="pat@example.com")
    assert len(mailoutbox) == 1


def test_the_name_comes_with_the_address_unless_one_is_typed(client: Client) -> None:
    client.post(SIGNUP, PERSON | {"email": '"O\'Hara, Pat 🎉" <pat@example.com>', "name": " "})
    Client().post(SIGNUP, PERSON | {"email": "Sam <sam@example.com>", "name": "Samantha"})

    names = dict(User.objects.values_list("email", "name"))
    assert names == {"pat@example.com": "O'Hara, Pat 🎉", "sam@example.com": "Samantha"}


def test_a_name_that_came_with_the_address_and_will_not_do_is_left_out(client: Client) -> None:
    client.post(SIGNUP, PERSON | {"email": "Win www.example.com <pat@example.com>", "name": ""})

    assert User.objects.get(email="pat@example.com").name == ""


def test_the_same_person_twice_is_logged_in_and_mailed_once(
    mailoutbox: list[EmailMessage],
) -> None:
    first, second = Client(), Client()
    first.post(SIGNUP, PERSON)

    response = second.post(SIGNUP, PERSON | {"email": "PAT@example.com"}, follow=True)

    assert "Welcome, Pat." in response.content.decode()
    assert signed_in(first) == signed_in(second) == User.objects.get()
    assert len(mailoutbox) == 1


def test_signing_up_again_a_day_later_says_that_the_account_was_there(client: Client) -> None:
    user = sign_up(**PERSON)
    User.objects.update(date_joined=timezone.now() - timedelta(days=1))

    response = client.post(SIGNUP, PERSON, follow=True)

    assert "Welcome back, Pat. You had an account already." in response.content.decode()
    assert signed_in(client) == user


def test_an_address_of_somebody_else_is_refused_beside_the_field(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(**PERSON)

    response = client.post(SIGNUP, PERSON | {"name": "Eve", "password": "something else"})

    page = response.content.decode()
    assert response.status_code == HTTPStatus.OK
    assert '<div class="error" id="id_email_error"><p>There is an account with this' in page
    assert 'href="/accounts/login/"' in page
    assert 'href="/accounts/password/reset/"' in page
    assert 'value="pat@example.com"' in page
    assert 'value="Eve"' in page
    assert "something else" not in page
    assert signed_in(client) is None
    assert len(mailoutbox) == 1


def test_somebody_who_may_not_log_in_cannot_do_it_by_signing_up_again(client: Client) -> None:
    sign_up(**PERSON)
    User.objects.update(is_active=False)

    response = client.post(SIGNUP, PERSON)

    assert "There is an account with this address already." in response.content.decode()
    assert signed_in(client) is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("email", "", "This field is required."),
        ("email", "pat@example.com, sam@example.com", "Give one address only."),
        ("email", "a" * 10_000, "at most 500 characters"),
        ("email", "pat@example.com\x00", "Null characters are not allowed."),
        ("name", "a" * 10_000, "at most 150 characters"),
        ("name", "Pat\x00", "Null characters are not allowed."),
        ("name", "Pat \u202e", "reverse the text"),
        ("password", "", "This field is required."),
        ("password", "short", "at least 8 characters"),
        ("password", "password123", "too common"),
        ("password", "pat@example.com", "too similar to the email address"),
        ("password", "Pat Pat Pat", "too similar to the name"),
        ("password", "a" * 10_000, "at most 1024 characters"),
        ("password", "correct\x00horse", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_kept_is_an_error_beside_its_field(
    client: Client, field: str, value: str, message: str
) -> None:
    response = client.post(SIGNUP, PERSON | {"name": "Pat Pat Pat", field: value})

    page = response.content.decode()
    error = page.partition(f'<div class="error" id="id_{field}_error">')[2].partition("</div>")[0]
    assert response.status_code == HTTPStatus.OK
    assert message in error
    assert f'aria-describedby="id_{field}_helptext id_{field}_error"' in page
    assert page.count("autofocus") == 1
    assert not User.objects.exists()


@pytest.mark.parametrize("field", ["email", "name", "password"])
@pytest.mark.parametrize("content", [b"%ED%A0%80", b"%FF%FE%00"])
def test_bytes_that_are_no_text_are_an_error_beside_the_field(
    client: Client, field: str, content: bytes
) -> None:
    response = post_raw(
        client,
        urlencode(PERSON | {field: ""})
        .encode()
        .replace(f"{field}=".encode(), f"{field}=correct+".encode() + content),
    )

    assert response.status_code == HTTPStatus.OK
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "utf-16", "nonsense", "utf-8"])
@pytest.mark.parametrize("content", ["%5Cud800", "%ff", "\xff", "+2AA-"])
def test_a_form_in_whatever_encoding_is_no_crash(
    client: Client, charset: str, content: str
) -> None:
    body = urlencode(PERSON) + content

    for page in (SIGNUP, "/accounts/login/", "/accounts/password/reset/"):
        response = post_raw(client, body.encode("latin-1"), page=page, charset=charset)

        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


def post_raw(client: Client, body: bytes, *, page: str = SIGNUP, charset: str = "utf-8") -> Any:
    """Post bytes that the client's own `post()` would put right."""
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    return client.generic("POST", page, body, content_type=content_type)


def test_the_event_comes_in_the_transaction_and_can_undo_it(
    mailoutbox: list[EmailMessage],
) -> None:
    def refuse(user: User, **_: Any) -> None:
        assert User.objects.filter(pk=user.pk).exists()
        raise RuntimeError("no room")

    user_signed_up.connect(refuse)
    try:
        with pytest.raises(RuntimeError, match="no room"):
            sign_up(**PERSON)
    finally:
        user_signed_up.disconnect(refuse)

    assert not User.objects.exists()
    assert mailoutbox == []


def test_somebody_who_is_logged_in_does_not_sign_up(client: Client) -> None:
    client.force_login(sign_up(**PERSON))

    assert client.get(SIGNUP).headers["Location"] == "/"
    assert client.post(SIGNUP, PERSON | {"email": "sam@example.com"}).headers["Location"] == "/"
    assert User.objects.count() == 1


def test_a_stale_token_of_somebody_logged_in_is_still_refused_elsewhere() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(sign_up(**PERSON))

    response = client.post("/accounts/password/", {})

    assert response.status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("asked", "given"),
    [("/orders/", "/orders/"), ("https://evil.example/", "/"), ("//evil.example", "/")],
)
def test_a_signup_goes_on_to_where_it_came_from_on_this_site(
    client: Client, asked: str, given: str
) -> None:
    response = client.post(SIGNUP, PERSON | {"next": asked})

    assert response.headers["Location"] == given


def test_a_signup_without_the_token_is_refused_with_advice() -> None:
    response = Client(enforce_csrf_checks=True).post(SIGNUP, PERSON)

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "reload the page" in response.content.decode()
    assert not User.objects.exists()
