"""The pages of the shop: what they show, to whom, and what a press of the button does."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from purchases.models import Order, Product

Placed = Callable[[], Order]
BUY = "/buy/kite/"


def press(client: Client, **changed: Any) -> Any:
    form = {"purchase_token": uuid4(), "price_cents": 123405}
    return client.post(BUY, form | changed)


def test_the_catalogue_shows_what_is_sold_and_escapes_it(client: Client, product: Product) -> None:
    Product.objects.create(
        slug="gone", name="Gone thing", description="-", price_cents=1, is_active=False
    )
    response = client.get("/")
    page = response.content.decode()
    assert "Kite &quot;Ö&quot; &lt;b&gt;&amp;" in page
    assert "€1,234.05" in page
    assert "Gone thing" not in page
    assert "no-store" in response["Cache-Control"]


def test_an_empty_shop_says_so(client: Client, db: None) -> None:
    Product.objects.update(is_active=False)
    assert "Nothing is for sale right now" in client.get("/").content.decode()


def test_the_catalogue_costs_one_query_however_much_is_sold(client: Client, db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get("/")
    assert len(queries) == 1


def test_each_button_of_each_page_has_a_token_of_its_own(
    customer_client: Client, product: Product
) -> None:
    pages = "".join(customer_client.get("/").content.decode() for _ in range(2))
    tokens = re.findall(r'name="purchase_token" value="([^"]+)"', pages)
    assert len(tokens) == len(set(tokens)) == 2 * Product.objects.filter(is_active=True).count()


def test_who_is_not_logged_in_comes_back_to_the_product(client: Client, product: Product) -> None:
    for page in ("/", BUY):
        assert "/accounts/login/?next=/buy/kite/" in client.get(page).content.decode()
    response = press(client)
    assert response["Location"] == "/accounts/login/?next=/buy/kite/"
    assert not Order.objects.exists()


def test_who_signs_up_to_buy_comes_back_to_the_product(client: Client, product: Product) -> None:
    person = {"email": "new@example.com", "name": "New", "password": "correct horse"}
    response = client.post("/accounts/signup/?next=/buy/kite/", person | {"next": BUY})
    assert response["Location"] == BUY


def test_buying_shows_the_order(
    customer_client: Client, product: Product, mailoutbox: list[EmailMessage]
) -> None:
    page = customer_client.post(
        BUY, {"purchase_token": uuid4(), "price_cents": 123405}, follow=True
    )
    order = Order.objects.get()
    assert page.redirect_chain == [(f"/orders/{order.id}/", 302)]
    assert f"Order {order.number}" in page.content.decode()
    assert [mail.to[0].endswith("<zoe@example.com>") for mail in mailoutbox] == [True]


def test_a_second_press_shows_the_same_order(customer_client: Client, product: Product) -> None:
    token = uuid4()
    first, second = (press(customer_client, purchase_token=token) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"purchase_token": "no uuid"},
        {"purchase_token": ""},
        {"purchase_token": "\x00"},
        {"price_cents": ""},
        {"price_cents": "-1"},
        {"price_cents": "9" * 5000},
    ],
)
def test_a_form_that_was_tampered_with_buys_nothing(
    customer_client: Client, product: Product, broken: dict[str, str]
) -> None:
    response = press(customer_client, **broken)
    assert response["Location"] == BUY
    assert "Nothing was bought" in customer_client.get(BUY).content.decode()
    assert not Order.objects.exists()


def test_what_is_not_sold_any_more_says_so_and_has_no_button(
    customer_client: Client, product: Product
) -> None:
    Product.objects.filter(pk=product.pk).update(is_active=False)
    response = press(customer_client)
    page = customer_client.get(response["Location"]).content.decode()
    assert "is not sold any more. You have not been charged." in page
    assert "purchase_token" not in page


def test_a_changed_price_is_shown_before_it_is_paid(
    customer_client: Client, product: Product
) -> None:
    response = press(customer_client, price_cents=100)
    assert "from €1.00 to €1,234.05" in customer_client.get(response["Location"]).content.decode()
    assert not Order.objects.exists()


def test_an_order_of_somebody_else_does_not_exist(placed: Placed, client: Client) -> None:
    order = placed()
    client.force_login(User.objects.create_user("other@example.com", "pw-pw-pw-9"))
    for address in (f"/orders/{order.id}/", f"/orders/{order.id}/status.json"):
        assert client.get(address).status_code == 404
    assert order.number not in client.get("/orders/").content.decode()


def test_orders_are_for_who_is_logged_in(placed: Placed, client: Client) -> None:
    order = placed()
    for address in ("/orders/", f"/orders/{order.id}/"):
        assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    # Not a redirect: the polling page would take the login page for an answer.
    assert client.get(f"/orders/{order.id}/status.json").status_code == 403


def test_no_orders_yet_leads_to_the_catalogue(customer_client: Client) -> None:
    page = customer_client.get("/orders/").content.decode()
    assert "You have not ordered anything yet" in page


def test_the_list_of_orders_costs_the_same_however_many_there_are(
    customer_client: Client, placed: Placed
) -> None:
    for _ in range(3):
        placed()
    with CaptureQueriesContext(connection) as queries:
        page = customer_client.get("/orders/").content.decode()
    assert page.count("€1,234.05") == 3
    assert len(queries) == 4  # session, user, count, page


@pytest.mark.parametrize("page", ["2", "999", "0", "-1", "x", "\x00"])
def test_long_lists_have_pages_and_a_wrong_page_is_no_error(
    customer_client: Client, placed: Placed, page: str
) -> None:
    for _ in range(21):
        placed()
    assert customer_client.get("/orders/", {"page": page}).status_code == 200
    assert "Page 1 of 2" in customer_client.get("/orders/").content.decode()


def status(client: Client, order: Order) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/orders/{order.id}/status.json").json()
    return answer


def states(client: Client, order: Order) -> list[str]:
    return [step["state"] for step in status(client, order)["steps"]]


def test_the_status_follows_the_order_to_its_end(customer_client: Client, placed: Placed) -> None:
    order = placed()
    assert states(customer_client, order) == ["done", "current", "waiting", "current"]
    order.charged_at, order.charge_id = timezone.now(), "ch_1"
    order.save()
    assert states(customer_client, order) == ["done", "done", "current", "current"]
    order.packed_at, order.pack_in = timezone.now(), "sheet"
    order.save()
    assert states(customer_client, order) == ["done", "done", "done", "current"]
    assert not status(customer_client, order)["is_settled"]
    order.mailed_at = timezone.now()
    order.save()
    assert states(customer_client, order) == ["done", "done", "done", "done"]
    assert status(customer_client, order)["is_settled"]


def test_a_declined_order_says_why_and_is_at_its_end(
    customer_client: Client, placed: Placed
) -> None:
    order = placed()
    order.declined_at = order.mailed_at = timezone.now()
    order.decline_reason = "no <money>"
    order.save()
    answer = status(customer_client, order)
    assert [step["state"] for step in answer["steps"]] == ["done", "failed", "failed", "done"]
    assert answer["is_settled"]
    assert "no &lt;money&gt;" in customer_client.get(f"/orders/{order.id}/").content.decode()


def test_the_status_costs_three_queries_and_is_never_cached(
    customer_client: Client, placed: Placed
) -> None:
    order = placed()
    with CaptureQueriesContext(connection) as queries:
        response = customer_client.get(f"/orders/{order.id}/status.json")
    assert len(queries) == 3  # session, user, order
    assert "no-store" in response["Cache-Control"]


def test_a_settled_order_is_not_polled(customer_client: Client, placed: Placed) -> None:
    order = placed()
    assert "order.js" in customer_client.get(f"/orders/{order.id}/").content.decode()
    order.charged_at = order.packed_at = order.mailed_at = timezone.now()
    order.save()
    page = customer_client.get(f"/orders/{order.id}/").content.decode()
    assert "order.js" not in page
    assert "refresh" not in page


@pytest.mark.parametrize("address", ["/", "/orders/", "/orders/{}/", "/orders/{}/status.json"])
def test_looking_is_done_by_get(customer_client: Client, placed: Placed, address: str) -> None:
    assert customer_client.post(address.format(placed().id)).status_code == 405
