"""One charge, one pack-in and one mail, whatever is delivered twice or fails; with real workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone

from development.testing import PaymentProvider
from patterns.retrying_task import PermanentError
from payments import client
from purchases import tasks
from purchases.models import Order

Workers = Callable[..., Any]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker_url")]


def settled(order: Order) -> bool:
    order.refresh_from_db()
    return bool(order.packed_at and order.mailed_at)


@pytest.mark.usefixtures("queued_mail_backend")
def test_a_purchase_is_charged_packed_and_mailed_once_though_the_provider_fails_three_times(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    smtp_server: Any,
    celery_worker_process: Workers,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    payment_provider.control(fail_next=2, fail_after_charge_next=1)
    celery_worker_process("purchasing")
    celery_worker_process("mail")
    order = placed()
    tasks.charge.delay(str(order.id))  # as a broker that delivers twice

    eventually(lambda: settled(order))
    tasks.pack_in.delay(str(order.id))
    tasks.charge.delay(str(order.id))
    last = placed()
    eventually(lambda: settled(last))  # the queue is in order: the duplicates have run before it

    charges = payment_provider.charges()
    assert [made["reference"] for made in charges["charges"]] == [str(order.id), str(last.id)]
    assert charges["charges"][0]["amount_cents"] == 123405
    assert order.charge_id == charges["charges"][0]["id"]
    packed_at = order.packed_at
    assert settled(order)
    assert order.packed_at == packed_at
    ids = [str(order.confirmation_message_id), str(last.confirmation_message_id)]
    found = [mail.content.decode() for mail in smtp_server.messages]
    assert [sum(each in mail for mail in found) for each in ids] == [1, 1]


def test_two_workers_at_once_charge_and_pack_once(
    placed: Callable[[], Order], payment_provider: PaymentProvider, waiting: Callable[[str], int]
) -> None:
    payment_provider.control(slow_seconds=0.3)  # long enough that both ask before one has recorded
    order = placed()

    def run(task: Callable[[str], None]) -> None:
        try:
            task(str(order.id))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(run, [tasks.charge, tasks.charge]))
        charges = payment_provider.charges()
        assert (charges["attempts"], len(charges["charges"])) == (2, 1)
        assert waiting("purchasing") == 2  # one charge of the purchase, and one pack-in
        list(workers.map(run, [tasks.pack_in, tasks.pack_in]))
    order.refresh_from_db()
    assert order.packed_at is not None


def test_no_transaction_is_open_while_the_provider_is_asked(
    placed: Callable[[], Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = placed()
    seen: list[bool] = []

    def look(**_: Any) -> None:
        seen.append(connection.in_atomic_block)
        raise client.PaymentRefused("enough seen")

    monkeypatch.setattr(client, "charge", look)
    with pytest.raises(client.PaymentRefused):
        tasks.charge(str(order.id))
    assert seen == [False]


def test_what_was_recorded_is_not_charged_again(
    placed: Callable[[], Order], payment_provider: PaymentProvider
) -> None:
    order = placed()
    tasks.charge(str(order.id))
    tasks.charge(str(order.id))
    assert payment_provider.charges()["attempts"] == 1


def test_a_declined_card_ends_the_order_with_a_reason_and_a_mail(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    waiting: Callable[[str], int],
    mailoutbox: list[EmailMessage],
) -> None:
    payment_provider.control(decline_next=1)
    order = placed()
    tasks.charge(str(order.id))
    tasks.charge(str(order.id))  # would be charged now, if it were asked again
    order.refresh_from_db()
    assert order.declined_at is not None
    assert order.decline_reason == "the card was declined"
    assert payment_provider.charges() == {"charges": [], "attempts": 1}
    assert waiting("purchasing") == 1  # the purchase's own charge, and no pack-in
    assert [mail.subject.split(":")[0] for mail in mailoutbox] == ["Your order", "Payment declined"]


def test_money_that_has_moved_outweighs_a_decline(
    placed: Callable[[], Order], payment_provider: PaymentProvider
) -> None:
    order = placed()
    Order.objects.filter(pk=order.pk).update(declined_at=timezone.now(), decline_reason="no")
    tasks._record_charge(str(order.id), "ch_1")
    order.refresh_from_db()
    assert (order.charge_id, order.declined_at, order.decline_reason) == ("ch_1", None, "")


@pytest.mark.parametrize("task", [tasks.charge, tasks.pack_in])
@pytest.mark.parametrize("order_id", ["5eed0000-0000-4000-8000-000000000000", "no uuid", ""])
def test_a_task_for_no_order_fails_at_once_and_names_it(task: Any, order_id: str) -> None:
    with pytest.raises(PermanentError, match=f"there is no order '{order_id}'"):
        task(order_id)


def test_an_order_that_is_not_charged_is_not_packed(placed: Callable[[], Order]) -> None:
    order = placed()
    with pytest.raises(PermanentError, match=r"run purchases\.charge first"):
        tasks.pack_in(str(order.id))


def test_the_pack_in_sheet_is_the_same_whoever_writes_it(placed: Callable[[], Order]) -> None:
    order = placed()
    order.charge_id, order.charged_at = "ch_1", timezone.now()
    order.placed_at -= timedelta(days=1)
    order.save()
    tasks.pack_in(str(order.id))
    order.refresh_from_db()
    assert '1 x Kite "Ö" <b>&\nPaid: €1,234.05 (charge ch_1)' in order.pack_in
