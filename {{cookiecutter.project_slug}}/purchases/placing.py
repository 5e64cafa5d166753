"""Place an order: the row, the confirmation mail and the charge, all in one transaction."""

from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from purchases import mails
from purchases.models import Order, Product
from purchases.money import CURRENCY, format_amount
from purchases.signals import order_placed
from purchases.tasks import charge


class NotForSale(Exception):
    """The product cannot be bought as the customer saw it; the message is for the customer."""


def place_order(
    *, customer: User, product: Product, purchase_token: UUID, seen_price_cents: int
) -> Order:
    """Return the order of this purchase token, which is placed now unless it was before.

    Raises NotForSale where the product is not sold any more, or not at the price that was seen.
    Duplicate: the same token gives the same order, also when both come at the same moment.
    Rollback: no order, no mail, no charge, no event. Crash: the same, or all of them.
    """
    with transaction.atomic():
        if placed := Order.objects.filter(customer=customer, purchase_token=purchase_token).first():
            return placed
        _refuse_what_is_not_sold(product, seen_price_cents)
        order, is_new = _insert(customer, product, purchase_token)
        if is_new:
            mails.confirmation(order).send()
            charge.delay(str(order.id))
            order_placed.send(sender=Order, order=order)
        return order


def _refuse_what_is_not_sold(product: Product, seen_price_cents: int) -> None:
    if not product.is_active:
        raise NotForSale(f"{product.name} is not sold any more. You have not been charged.")
    if product.price_cents != seen_price_cents:
        raise NotForSale(
            f"The price of {product.name} has changed from "
            f"{format_amount(seen_price_cents, CURRENCY)} to {product.price}. "
            "You have not been charged: press Buy again if you agree."
        )


def _insert(customer: User, product: Product, purchase_token: UUID) -> tuple[Order, bool]:
    # get_or_create, for the other press of the button may commit between our look and our INSERT:
    # the constraint lets one win, and the other gets the winner's row.
    order_id = uuid4()
    return Order.objects.get_or_create(
        customer=customer,
        purchase_token=purchase_token,
        defaults={
            "id": order_id,
            "product": product,
            "product_name": product.name,
            "price_cents": product.price_cents,
            "currency": CURRENCY,
            "confirmation_message_id": mails.confirmation_message_id(order_id),
        },
    )
