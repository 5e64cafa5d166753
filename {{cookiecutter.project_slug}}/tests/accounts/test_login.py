"""Logging in and out, and changing the password."""

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.models import User
from accounts.signup import sign_up

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
PASSWORD = "correct horse"


@pytest.fixture
def user() -> User:
    return sign_up(email="Pat@example.com", name="Pat", password=PASSWORD)


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize(
    "spelling",
    ["pat@example.com", " PAT@Example.com ", "Pat <pat@example.com>", "mailto:Pat@example.com"],
)
def test_any_spelling_of_the_address_logs_in(client: Client, user: User, spelling: str) -> None:
    response = client.post(LOGIN, {"username": spelling, "password": PASSWORD})

    assert response.headers["Location"] == "/"
    assert is_logged_in(client)


@pytest.mark.parametrize("address", ["ops@localhost", "ops"])
def test_somebody_whose_address_is_no_mailbox_can_log_in(client: Client, address: str) -> None:
    User.objects.create_superuser(address, PASSWORD)

    client.post(LOGIN, {"username": address.upper(), "password": PASSWORD})

    assert is_logged_in(client)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("pat@example.com", "correct  horse"),
        ("sam@example.com", PASSWORD),
        ("pat@example.com", "Correct Horse"),
    ],
)
def test_a_wrong_pair_is_refused_and_does_not_tell_which_half(
    client: Client, user: User, username: str, password: str
) -> None:
    response = client.post(LOGIN, {"username": username, "password": password})

    assert "This address and this password do not belong together" in response.content.decode()
    assert not is_logged_in(client)


def test_a_login_starts_a_new_session(client: Client, user: User) -> None:
    client.session["before"] = True
    session = client.session
    session["before"] = True
    session.save()
    key = session.session_key

    client.post(LOGIN, {"username": "pat@example.com", "password": PASSWORD})

    assert client.session.session_key != key


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/orders/?page=2", "/orders/?page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\evil.example", "/"),
    ],
)
def test_a_login_goes_on_to_this_site_only(
    client: Client, user: User, asked: str, given: str
) -> None:
    form = {"username": "pat@example.com", "password": PASSWORD, "next": asked}

    assert client.post(LOGIN, form).headers["Location"] == given


def test_the_way_to_signing_up_keeps_where_one_was_going(client: Client) -> None:
    page = client.get(LOGIN, {"next": "/orders/?a=1&b=2"}).content.decode()

    assert 'href="/accounts/signup/?next=%2Forders%2F%3Fa%3D1%26b%3D2"' in page
    assert 'name="next" value="/orders/?a=1&amp;b=2"' in page


def test_logging_out_takes_a_post_of_ones_own(client: Client, user: User) -> None:
    client.force_login(user)

    assert client.get("/accounts/logout/").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert is_logged_in(client)
    assert client.post("/accounts/logout/").headers["Location"] == "/"
    assert not is_logged_in(client)


def test_a_changed_password_ends_the_other_sessions(client: Client, user: User) -> None:
    other = Client()
    client.force_login(user)
    other.force_login(user)
    form = {
        "old_password": PASSWORD,
        "new_password1": "battery staple",
        "new_password2": "battery staple",
    }

    response = client.post("/accounts/password/", form, follow=True)

    assert "Your password is changed." in response.content.decode()
    assert User.objects.get().check_password("battery staple")
    assert client.get("/accounts/password/").status_code == HTTPStatus.OK
    assert other.get("/accounts/password/").status_code == HTTPStatus.FOUND


def test_a_weak_new_password_is_refused_beside_its_field(client: Client, user: User) -> None:
    client.force_login(user)
    form = {"old_password": PASSWORD, "new_password1": "12345678", "new_password2": "12345678"}

    page = client.post("/accounts/password/", form).content.decode()

    error = page.partition('id="id_new_password2_error"')[2].partition("</div>")[0]
    assert "too common" in error
    assert page.count("autofocus") == 1
    assert User.objects.get().check_password(PASSWORD)


def test_a_visitor_is_asked_to_log_in_before_changing_a_password(client: Client) -> None:
    location = client.get("/accounts/password/").headers["Location"]

    assert location == "/accounts/login/?next=/accounts/password/"
