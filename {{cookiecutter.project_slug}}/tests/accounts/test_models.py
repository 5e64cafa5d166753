"""One account an address, whatever its case."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.models.functions import Lower

from accounts.models import User

pytestmark = pytest.mark.django_db


def test_the_database_refuses_the_same_address_in_another_case() -> None:
    User.objects.create_user("Pat@example.com")

    with pytest.raises(IntegrityError, match="accounts_user_email_unique"):
        User.objects.bulk_create([User(email="pAT@example.com")])


@pytest.mark.parametrize("spelling", ["pat@example.com", "PAT@EXAMPLE.COM", " Pat@Example.com"])
def test_an_account_is_found_by_any_spelling_of_its_address(spelling: str) -> None:
    user = User.objects.create_user("Pat@example.com", "correct horse")

    assert User.objects.get_by_natural_key(spelling) == user
    assert authenticate(username=spelling, password="correct horse") == user


def test_finding_an_account_uses_the_unique_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    query = User.objects.alias(email_lowered=Lower("email"))

    assert "accounts_user_email_unique" in query.filter(email_lowered="pat@example.com").explain()


def test_createsuperuser_makes_somebody_who_may_enter_the_admin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse")

    call_command("createsuperuser", "--no-input", "--email=Ops@Café.example", stdout=StringIO())

    user = User.objects.get(email="Ops@xn--caf-dma.example")
    assert user.is_staff
    assert user.is_superuser
    assert user.check_password("correct horse")


@pytest.mark.parametrize(("name", "called"), [("Zoë 🎉", "Zoë 🎉"), ("", "pat")])
def test_somebody_without_a_name_is_called_by_the_address(name: str, called: str) -> None:
    assert User(email="pat@example.com", name=name).get_short_name() == called
