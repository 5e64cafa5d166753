"""What follows a purchase: charge, then pack in, each enqueued by the step before it."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.celery import app
from patterns.retrying_task import PermanentError
from payments import client
from purchases import mails, packing
from purchases.models import Order


class OrderNotFound(PermanentError):
    """The task names an order that is not there; trying again will not bring it."""


class OrderNotCharged(PermanentError):
    """The task would give away what has not been paid."""


@app.task(name="purchases.charge", queue="purchasing")
def charge(order_id: str) -> None:
    """Charge the customer, record it, and enqueue the pack-in.

    A declined card ends the order; the customer reads why on its page and in a mail.
    Crash or duplicate: the provider is asked again with the same idempotency key, and so gives
    the answer that it gave before; what is recorded once is not recorded again.
    """
    order = _order(order_id)
    if order.charged_at is not None or order.declined_at is not None:
        return
    # No transaction is open here: a slow provider must not hold a row or a snapshot.
    try:
        charged = client.charge(
            amount_cents=order.price_cents,
            currency=order.currency,
            reference=str(order.id),
            idempotency_key=f"order-{order.id}",
        )
    except client.PaymentDeclined as decline:
        _record_decline(order_id, decline.reason)
    else:
        _record_charge(order_id, charged.id)


@app.task(name="purchases.pack_in", queue="purchasing")
def pack_in(order_id: str) -> None:
    """Write the pack-in materials of a charged order.

    Crash: nothing is written. Duplicate: the lock makes it wait, and then it finds the work done.
    """
    with transaction.atomic():
        order = _order(order_id, is_locked=True)
        if order.packed_at is not None:
            return
        if order.charged_at is None:
            raise OrderNotCharged(f"order {order_id} is not charged: run purchases.charge first")
        order.pack_in = packing.pack_in_sheet(order)
        order.packed_at = timezone.now()
        order.save(update_fields=["pack_in", "packed_at"])


def _order(order_id: str, *, is_locked: bool = False) -> Order:
    orders = Order.objects.select_related("customer")
    if is_locked:
        orders = orders.select_for_update(of=("self",))
    try:
        return orders.get(pk=UUID(order_id))
    except (Order.DoesNotExist, ValueError) as error:
        raise OrderNotFound(
            f"there is no order {order_id!r}: it was deleted, or its purchase rolled back"
        ) from error


def _record_charge(order_id: str, charge_id: str) -> None:
    with transaction.atomic():
        order = _order(order_id, is_locked=True)
        if order.charged_at is not None:
            return
        order.charge_id, order.charged_at = charge_id, timezone.now()
        # The money has moved: that outweighs a decline which a duplicate was told.
        order.declined_at, order.decline_reason = None, ""
        order.save(update_fields=["charge_id", "charged_at", "declined_at", "decline_reason"])
        pack_in.delay(order_id)


def _record_decline(order_id: str, reason: str) -> None:
    with transaction.atomic():
        order = _order(order_id, is_locked=True)
        if order.charged_at is not None or order.declined_at is not None:
            return
        order.declined_at, order.decline_reason = timezone.now(), reason
        order.save(update_fields=["declined_at", "decline_reason"])
        mails.payment_declined(order).send()
