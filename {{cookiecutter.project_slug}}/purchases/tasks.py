"""What follows a purchase: charge, then pack in, each enqueued by the step before it."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.celery import app
from patterns.idempotency import ledger
from patterns.retrying_task import PermanentError
from payments import client
from purchases import mails, packing
from purchases.models import Order
from purchases.subjects import describe_orders


class OrderNotFound(PermanentError):
    """The task names an order that is not there; trying again will not bring it."""


class OrderNotCharged(PermanentError):
    """The task would give away what has not been paid."""


@app.task(name="purchases.charge", queue="purchasing", atomic=False, describe=describe_orders)
def charge(order_id: str) -> None:
    """Charge the customer, record it, and enqueue the pack-in.

    A declined card ends the order; the customer reads why on its page and in a mail.
    Crash or duplicate: the provider is asked with the same idempotency key, by one run at a time,
    and never once its answer is recorded. The answer, the order's change, the pack-in and the end
    of this task commit together.
    """
    order = _order(order_id)
    if order.charged_at is not None or order.declined_at is not None:
        return
    with ledger.effect(
        f"order-{order.id}",
        keeps_key_hours=client.KEEPS_KEY_HOURS,
        lease_seconds=client.LONGEST_CALL_SECONDS,
        # One run of a durable task is the current one: its next one need not wait for a dead one.
        holder=charge.request.id or "",
    ) as effect:
        # No transaction is open here: a slow provider must not hold a row or a snapshot.
        answer = effect.result if effect.is_recorded else _ask_provider(order, effect.key)
        with charge.completing():  # type: ignore[attr-defined]  # the stubs know Celery's base alone
            effect.record(answer)
            _record(order_id, **answer)


@app.task(name="purchases.pack_in", queue="purchasing", describe=describe_orders)
def pack_in(order_id: str) -> None:
    """Write the pack-in materials of a charged order.

    The body and the end of the task are one transaction. Crash: nothing is written. Duplicate: the
    lock makes it wait, and then it finds the work done.
    """
    with transaction.atomic():  # the task's own; called directly, there is none
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


def _ask_provider(order: Order, idempotency_key: str) -> dict[str, str]:
    """Return the provider's answer as the ledger keeps it: a decline is one, and stays."""
    try:
        charged = client.charge(
            amount_cents=order.price_cents,
            currency=order.currency,
            reference=str(order.id),
            idempotency_key=idempotency_key,
        )
    except client.PaymentDeclined as decline:
        return {"declined": decline.reason}
    return {"charge_id": charged.id}


def _record(order_id: str, *, charge_id: str = "", declined: str = "") -> None:
    order = _order(order_id, is_locked=True)
    if order.charged_at is not None:
        return
    if charge_id:
        order.charge_id, order.charged_at = charge_id, timezone.now()
        # The money has moved: that outweighs a decline that somebody wrote meanwhile.
        order.declined_at, order.decline_reason = None, ""
        pack_in.delay(order_id)
    elif order.declined_at is None:
        order.declined_at, order.decline_reason = timezone.now(), declined
        mails.payment_declined(order).send()
    order.save(update_fields=["charge_id", "charged_at", "declined_at", "decline_reason"])
