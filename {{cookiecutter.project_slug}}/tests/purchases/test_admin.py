"""Staff see the orders and change none; they change the catalogue."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from purchases.models import Order, Product

ORDERS = "/admin/purchases/order/"


@pytest.fixture
def staff_client(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", "pw-pw-pw-9"))
    return client


def test_orders_are_found_by_state(staff_client: Client, placed: Callable[[], Order]) -> None:
    waiting, declined, packed = placed(), placed(), placed()
    declined.declined_at = packed.charged_at = packed.packed_at = timezone.now()
    declined.save()
    packed.mailed_at = timezone.now()
    packed.save()
    shown = {
        "placed": {waiting},
        "charged": set(),
        "packed": {packed},
        "declined": {declined},
        "unmailed": {waiting, declined},
        "": {waiting, declined, packed},
        "nonsense": {waiting, declined, packed},
    }
    for state, orders in shown.items():
        page = staff_client.get(ORDERS, {"state": state}).content.decode()
        for order in (waiting, declined, packed):
            assert (str(order) in page) == (order in orders), (state, order)


@pytest.mark.parametrize("words", ["zoe@example.com", "Kite", "ch_1"])
def test_orders_are_found_by_words(
    staff_client: Client, placed: Callable[[], Order], words: str
) -> None:
    order = placed()
    order.charge_id, order.charged_at = "ch_1", timezone.now()
    order.save()
    assert str(order) in staff_client.get(ORDERS, {"q": words}).content.decode()


def test_an_order_can_be_looked_at_only(staff_client: Client, placed: Callable[[], Order]) -> None:
    order = placed()
    page = staff_client.get(f"{ORDERS}{order.id}/change/").content.decode()
    assert order.confirmation_message_id.strip("<>") in page
    assert 'name="_save"' not in page
    assert staff_client.post(f"{ORDERS}{order.id}/change/", {}).status_code == 403
    assert staff_client.post(f"{ORDERS}{order.id}/delete/", {"post": "yes"}).status_code == 403
    assert staff_client.get(f"{ORDERS}add/").status_code == 403


def test_a_product_can_be_added_and_taken_off(staff_client: Client) -> None:
    form = {
        "slug": "new",
        "name": "New",
        "description": "Shiny",
        "picture": "bell",
        "price_cents": "100",
        "is_active": "on",
    }
    staff_client.post("/admin/purchases/product/add/", form)
    product = Product.objects.get(slug="new")
    del form["is_active"]
    staff_client.post(f"/admin/purchases/product/{product.pk}/change/", form)
    product.refresh_from_db()
    assert not product.is_active


def test_a_product_without_a_price_is_refused_beside_the_field(staff_client: Client) -> None:
    form = {"slug": "new", "name": "N", "description": "S", "picture": "bell", "price_cents": "0"}
    page = staff_client.post("/admin/purchases/product/add/", form).content.decode()
    assert "greater than or equal to 1" in page
