"""What each task is called with when it is run twice; `test_every_task_twice.py` does it.

A function makes what the task has work with, in an empty database, and returns its arguments. Its
parameters are fixtures: `payment_provider`, `smtp_server`.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from backoffice.models import IndexRebuild
from backoffice.tasks import start_rebuild
from config.tasks import clear_sessions
from development.testing import PaymentProvider, SmtpServer
from patterns.durable_tasks.models import Event, Firing, State, TaskRow
from patterns.durable_tasks.samples import Sample, Samples
from patterns.idempotency.models import Effect
from patterns.queued_mail.models import QueuedMail
from purchases.models import Order, Product
from purchases.placing import place_order
from tests.analytics.samples import SAMPLES as ANALYTICS  # analytics

LONG_AGO = timezone.now() - timedelta(days=400)


def order() -> Order:
    product = Product.objects.create(slug="kite", name="Kite", description="", price_cents=1250)
    customer = User.objects.create_user("zoe@example.com")
    token, price = uuid4(), product.price_cents
    return place_order(
        customer=customer, product=product, purchase_token=token, seen_price_cents=price
    )


def mails() -> QuerySet[QueuedMail]:
    EmailMessage("Hello", "How are you?", to=["pat@example.com"]).send()
    return QueuedMail.objects.all()


def for_charge(payment_provider: PaymentProvider) -> dict[str, Any]:
    return {"order_id": str(order().id)}


def for_charge_declined(payment_provider: PaymentProvider) -> dict[str, Any]:
    payment_provider.control(decline_next=1)
    return {"order_id": str(order().id)}


def charges(payment_provider: PaymentProvider) -> dict[str, Any]:
    return payment_provider.charges()


def for_pack_in() -> dict[str, Any]:
    placed = order()
    Order.objects.update(charge_id="a charge", charged_at=timezone.now())
    return {"order_id": str(placed.id)}


def for_start_rebuild() -> dict[str, Any]:
    User.objects.create_user("zoe@example.com")
    return {"rebuild_id": IndexRebuild.objects.create().pk}


def for_rebuild_customer_index() -> dict[str, Any]:
    placed = order()
    rebuild_id = IndexRebuild.objects.create().pk
    start_rebuild(rebuild_id)
    return {"rebuild_id": rebuild_id, "customer_id": placed.customer_id}


def for_deliver(smtp_server: SmtpServer) -> dict[str, Any]:
    mail = mails().get()
    return {"mail_id": str(mail.pk), "publication": mail.publication}


def delivered(smtp_server: SmtpServer) -> int:
    return smtp_server.offers


def for_enqueue_forgotten() -> dict[str, Any]:
    mails().update(touched_at=LONG_AGO)
    return {}


def for_delete_sent() -> dict[str, Any]:
    mails().update(sent_at=LONG_AGO)
    mails().filter(sent_at=None).update(failed_at=LONG_AGO)
    return {}


def for_delete_recorded() -> dict[str, Any]:
    at = {"first_tried_at": LONG_AGO, "recorded_at": LONG_AGO}
    Effect.objects.create(key="order-1", result="{}", **at)
    return {}


def for_delete_old_firings() -> dict[str, Any]:
    for days in range(2):
        Firing.objects.create(entry="daily", due_at=LONG_AGO + timedelta(days=days))
    return {}


def for_delete_old_history() -> dict[str, Any]:
    discarded = TaskRow.objects.filter(pk=clear_sessions.delay().id)
    discarded.update(state=State.DISCARDED, discarded_at=LONG_AGO)
    Event.objects.create(task_id=uuid4(), name="of a task long gone", at=LONG_AGO, kind="failed")
    return {}


def for_clear_sessions() -> dict[str, Any]:
    Session.objects.create(session_key="expired", expire_date=LONG_AGO)
    return {}


SAMPLES: Samples = {
    "purchases.charge": [
        Sample(arguments=for_charge, far_side=charges),
        Sample(arguments=for_charge_declined, far_side=charges),
    ],
    "purchases.pack_in": Sample(arguments=for_pack_in),
    "backoffice.start_rebuild": Sample(
        arguments=for_start_rebuild,
        enqueues_again="the tasks of a customer whose index is done find nothing to do",
    ),
    "backoffice.rebuild_customer_index": Sample(arguments=for_rebuild_customer_index),
    "queued_mail.deliver": Sample(arguments=for_deliver, far_side=delivered),
    "queued_mail.enqueue_forgotten": Sample(arguments=for_enqueue_forgotten),
    "queued_mail.delete_sent": Sample(arguments=for_delete_sent),
    "idempotency.delete_recorded": Sample(arguments=for_delete_recorded),
    "durable_tasks.delete_old_firings": Sample(arguments=for_delete_old_firings),
    "durable_tasks.delete_old_history": Sample(arguments=for_delete_old_history),
    "config.clear_sessions": Sample(arguments=for_clear_sessions),
    **ANALYTICS,  # analytics
}
