"""The rules that the database itself holds."""

from collections.abc import Callable

import pytest
from django.contrib.staticfiles import finders
from django.db import IntegrityError, transaction
from django.utils import timezone

from purchases.models import Order, Picture, Product


@pytest.mark.parametrize("picture", Picture.values)
def test_every_picture_has_its_drawing(picture: str) -> None:
    assert finders.find(Product(picture=picture).picture_file)


def test_a_product_has_a_price(product: Product) -> None:
    product.price_cents = 0
    with pytest.raises(IntegrityError, match="product_has_a_price"):
        product.save()


def test_an_order_cannot_be_charged_and_declined(placed: Callable[[], Order]) -> None:
    order = placed()
    order.charged_at = order.declined_at = timezone.now()
    with pytest.raises(IntegrityError, match="order_is_not_charged_and_declined"):
        order.save()


def test_an_order_cannot_be_packed_before_it_is_charged(placed: Callable[[], Order]) -> None:
    order = placed()
    order.packed_at = timezone.now()
    with pytest.raises(IntegrityError, match="order_is_packed_after_the_charge"):
        order.save()


def test_a_new_price_does_not_change_what_was_bought(
    placed: Callable[[], Order], product: Product
) -> None:
    order = placed()
    Product.objects.filter(pk=product.pk).update(price_cents=1, name="Anything else")
    order.refresh_from_db()
    assert (order.price, order.product_name) == ("€1,234.05", 'Kite "Ö" <b>&')


def test_a_product_that_was_bought_cannot_be_deleted(
    placed: Callable[[], Order], product: Product
) -> None:
    placed()
    with pytest.raises(IntegrityError), transaction.atomic():
        product.delete()
