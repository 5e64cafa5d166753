"""A purchase is one transaction, and one purchase token buys once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from accounts.models import User
from patterns.queued_mail.models import QueuedMail
from purchases.models import Order, Product
from purchases.placing import NotForSale, place_order
from purchases.signals import order_placed

pytestmark = pytest.mark.usefixtures("queued_mail_backend")


@pytest.mark.django_db(transaction=True)
def test_a_purchase_leaves_an_order_a_mail_and_a_charge(
    placed: Callable[[], Order], waiting: Callable[[str], list[str]]
) -> None:
    order = placed()
    assert QueuedMail.objects.get().message_id == order.confirmation_message_id
    assert waiting("purchasing") == ["purchases.charge"]
    assert waiting("mail") == ["queued_mail.deliver"]


@pytest.mark.django_db(transaction=True)
def test_a_purchase_that_rolls_back_leaves_no_order_no_mail_and_no_charge(
    placed: Callable[[], Order], waiting: Callable[[str], list[str]]
) -> None:
    with transaction.atomic():
        placed()
        transaction.set_rollback(True)
    assert not Order.objects.exists()
    assert not QueuedMail.objects.exists()
    assert (waiting("purchasing"), waiting("mail")) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_undoes_the_purchase(
    placed: Callable[[], Order], waiting: Callable[[str], list[str]]
) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    order_placed.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            placed()
    finally:
        order_placed.disconnect(fail)
    assert not Order.objects.exists()
    assert not QueuedMail.objects.exists()
    assert (waiting("purchasing"), waiting("mail")) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_other_apps_hear_of_an_order_inside_its_transaction(placed: Callable[[], Order]) -> None:
    heard: list[tuple[Order, bool]] = []

    def hear(order: Order, **_: Any) -> None:
        heard.append((order, connection.in_atomic_block))

    order_placed.connect(hear)
    try:
        order = placed()
    finally:
        order_placed.disconnect(hear)
    assert heard == [(order, True)]


@pytest.mark.django_db(transaction=True)
def test_one_token_buys_once_when_eight_tabs_press_at_the_same_moment(
    customer: User, product: Product, waiting: Callable[[str], list[str]]
) -> None:
    token, start = uuid4(), Barrier(8)

    def press(_: int) -> Order:
        start.wait(timeout=30)
        try:
            return place_order(
                customer=customer, product=product, purchase_token=token, seen_price_cents=123405
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as tabs:
        orders = set(tabs.map(press, range(8)))
    assert orders == {Order.objects.get()}
    assert QueuedMail.objects.count() == 1
    assert waiting("purchasing") == ["purchases.charge"]
    assert waiting("mail") == ["queued_mail.deliver"]


@pytest.mark.django_db(transaction=True)
def test_a_token_is_the_customers_own(customer: User, product: Product) -> None:
    other = User.objects.create_user("other@example.com", "pw-pw-pw-9")
    token = uuid4()
    theirs, ours = (
        place_order(customer=who, product=product, purchase_token=token, seen_price_cents=123405)
        for who in (other, customer)
    )
    assert theirs != ours
    assert ours.customer == customer


@pytest.mark.django_db
def test_what_is_not_sold_any_more_cannot_be_bought(customer: User, product: Product) -> None:
    product.is_active = False
    with pytest.raises(NotForSale, match="is not sold any more"):
        place_order(
            customer=customer, product=product, purchase_token=uuid4(), seen_price_cents=123405
        )
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_nobody_pays_a_price_that_they_have_not_seen(customer: User, product: Product) -> None:
    with pytest.raises(NotForSale, match=r"from €1,000\.00 to €1,234\.05"):
        place_order(
            customer=customer, product=product, purchase_token=uuid4(), seen_price_cents=100000
        )
    assert not Order.objects.exists()


@pytest.mark.django_db
def test_a_second_press_finds_its_order_after_the_product_was_taken_off(
    customer: User, product: Product
) -> None:
    press: dict[str, Any] = {"purchase_token": uuid4(), "seen_price_cents": 123405}
    first = place_order(customer=customer, product=product, **press)
    product.is_active = False
    assert place_order(customer=customer, product=product, **press) == first
