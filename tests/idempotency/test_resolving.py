"""What a person decides about an effect that was not recorded, and what nobody may undo."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client

from patterns.idempotency import ledger
from patterns.idempotency.errors import NothingToResolve
from patterns.idempotency.models import Effect
from patterns.idempotency.resolving import forget, settle

LIST = "/admin/idempotency/effect/"


def begun(key: str = "order-1") -> Effect:
    """Return an effect that was tried and not recorded."""
    with pytest.raises(ZeroDivisionError), ledger.effect(key, keeps_key_hours=24):
        raise ZeroDivisionError
    return Effect.objects.get(key=key)


def recorded(key: str = "order-1") -> Effect:
    with ledger.effect(key, keeps_key_hours=24) as held, transaction.atomic():
        held.record("ch_1")
    return Effect.objects.get(key=key)


def result(key: str = "order-1") -> str:
    with ledger.effect(key, keeps_key_hours=24) as held, transaction.atomic():
        held.record(held.result if held.is_recorded else "anew")
    return str(held.result)


def test_a_settled_effect_is_given_to_the_replay() -> None:
    begun()
    settle("order-1", "found there")
    assert result() == "found there"


def test_a_forgotten_effect_is_done_by_the_replay_and_its_age_begins_anew() -> None:
    first = begun()
    forget("order-1")
    assert result() == "anew"
    row = Effect.objects.get()
    assert row.attempts == 1
    assert row.first_tried_at > first.first_tried_at


@pytest.mark.parametrize("decide", [forget, lambda key: settle(key, "another")])
def test_a_recorded_an_unknown_and_a_running_effect_are_left_alone(decide: object) -> None:
    assert callable(decide)
    recorded()
    with pytest.raises(NothingToResolve, match="'order-1'"):
        decide("order-1")
    with pytest.raises(NothingToResolve, match="'order-2'"):
        decide("order-2")
    with ledger.effect("order-3", keeps_key_hours=24) as held:
        with pytest.raises(NothingToResolve, match="'order-3'"):
            decide("order-3")
        with transaction.atomic():
            held.record("ch_3")
    assert result() == "ch_1"


def test_a_decision_that_rolls_back_was_not_made() -> None:
    begun()
    with transaction.atomic():
        settle("order-1", "found there")
        transaction.set_rollback(True)
    assert result() == "anew"


@pytest.fixture
def staff() -> Client:
    User.objects.create_superuser("boss", "boss@example.com", "secret")
    client = Client()
    client.login(username="boss", password="secret")
    yield client
    User.objects.all().delete()


def press(client: Client, *keys: str) -> str:
    chosen = {"action": "forget_undone", "_selected_action": keys}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_staff_can_forget_what_was_not_done_and_nothing_else(staff: Client) -> None:
    begun("order-1"), recorded("order-2")
    page = press(staff, "order-1", "order-2")
    assert "Forgotten: order-1" in page
    assert "No effect &#x27;order-2&#x27; waits" in page
    assert [row.key for row in Effect.objects.all()] == ["order-2"]


def test_nothing_can_be_added_changed_or_deleted_in_the_admin(staff: Client) -> None:
    row = begun()
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{row.pk}/change/", {"result": "1"}).status_code == 403
    assert staff.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in staff.get(LIST).content.decode()
    assert staff.get(f"{LIST}{row.pk}/change/").status_code == 200


def test_whoever_may_only_look_cannot_forget(staff: Client) -> None:
    begun()
    user = User.objects.get()
    user.is_superuser = False
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_effect"))
    press(staff, "order-1")
    assert Effect.objects.exists()


@pytest.mark.parametrize("lookup", ["lease", "lease__gt", "lease__startswith", "holder__regex"])
def test_what_the_admin_hides_is_not_told_by_narrowing_its_list(staff: Client, lookup: str) -> None:
    begun()
    assert staff.get(f"{LIST}?{lookup}=a").status_code == 400
    found = {"q=order-1": True, "recorded_at__isempty=1": True, "recorded_at__isempty=0": False}
    for query, is_found in found.items():
        response = staff.get(f"{LIST}?{query}")
        assert response.status_code == 200
        assert response.context["cl"].queryset.exists() is is_found
