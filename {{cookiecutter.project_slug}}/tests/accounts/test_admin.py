"""Staff look after people in the admin."""

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def staff(client: Client) -> User:
    user = User.objects.create_superuser("ops@example.com", "correct horse", name="Ops 🎉")
    client.force_login(user)
    return user


def test_staff_log_into_the_admin_with_the_address() -> None:
    client = Client()

    client.post("/admin/login/", {"username": "OPS@example.com", "password": "correct horse"})

    assert client.get(PEOPLE).status_code == HTTPStatus.OK


@pytest.mark.parametrize("search", ["ops@", "Ops", "🎉"])
def test_people_are_found_by_address_and_name(client: Client, search: str) -> None:
    assert "Ops 🎉" in client.get(PEOPLE, {"q": search}).content.decode()


def test_staff_add_a_person_who_can_log_in(client: Client) -> None:
    form = {"email": "Pat@Café.example", "name": "Pat", "usable_password": "true"}
    passwords = {"password1": "battery staple", "password2": "battery staple"}

    response = client.post(f"{PEOPLE}add/", form | passwords)

    user = User.objects.get(email="Pat@xn--caf-dma.example")
    assert response.status_code == HTTPStatus.FOUND
    assert user.check_password("battery staple")
    assert client.get(f"{PEOPLE}{user.pk}/change/").status_code == HTTPStatus.OK


def test_staff_cannot_add_the_same_address_in_another_case(client: Client) -> None:
    form = {"email": "OPS@EXAMPLE.com", "usable_password": "false"}

    response = client.post(f"{PEOPLE}add/", form)

    assert response.status_code == HTTPStatus.OK
    assert "There is an account with this address already." in response.content.decode()
