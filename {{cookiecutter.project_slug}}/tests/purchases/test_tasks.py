"""One charge, one pack-in and one mail, whatever is delivered twice or fails; with real workers."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import psutil
import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone

from development.testing import PaymentProvider
from patterns.durable_tasks.errors import QueueFull
from patterns.durable_tasks.models import TaskRow
from patterns.idempotency.errors import EffectInProgress, KeyTooOld
from patterns.idempotency.models import Effect
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


def test_a_process_killed_while_the_provider_charges_leaves_one_charge_and_one_pack_in(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    celery_worker_process: Workers,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    payment_provider.control(slow_seconds=60)  # it is killed before that
    order = placed()
    worker = celery_worker_process("purchasing")
    eventually(lambda: payment_provider.charges()["attempts"] == 1)
    kill_process_of(worker)
    payment_provider.control(slow_seconds=0)
    eventually(lambda: packed(order))
    assert [made["id"] for made in payment_provider.charges()["charges"]] == [order.charge_id]
    assert payment_provider.charges()["attempts"] == 2
    assert not TaskRow.objects.filter(queue="purchasing").exists()


def test_a_process_killed_between_charge_and_commit_leaves_one_charge_and_one_pack_in(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    celery_worker_process: Workers,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    order = placed()
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order.pk)
        worker = celery_worker_process("purchasing")
        eventually(somebody_waits_for_us)
        assert len(payment_provider.charges()["charges"]) == 1
        kill_process_of(worker)
    eventually(lambda: packed(order))
    assert [made["id"] for made in payment_provider.charges()["charges"]] == [order.charge_id]
    assert Effect.objects.get().attempts == 2
    assert not TaskRow.objects.filter(queue="purchasing").exists()


def kill_process_of(worker: "subprocess.Popen[bytes]") -> None:
    """Kill the one process in which the worker runs tasks."""
    [child] = psutil.Process(worker.pid).children()
    child.kill()


def packed(order: Order) -> bool:
    order.refresh_from_db()
    return order.packed_at is not None


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return cursor.fetchone() is not None


def test_two_workers_at_once_charge_and_pack_once(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    waiting: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, ask, is_refused = placed(), client.charge, Event()

    def ask_while_the_other_comes(**charge: Any) -> Any:
        is_refused.wait(60)
        return ask(**charge)

    def run(task: Callable[[str], None]) -> str:
        try:
            task(str(order.id))
        except EffectInProgress:
            is_refused.set()
            return "is tried again"
        finally:
            connection.close()
        return "ran"

    monkeypatch.setattr(client, "charge", ask_while_the_other_comes)
    with ThreadPoolExecutor(2) as workers:
        assert sorted(workers.map(run, [tasks.charge] * 2)) == ["is tried again", "ran"]
        charges = payment_provider.charges()
        assert (charges["attempts"], len(charges["charges"])) == (1, 1)
        assert waiting("purchasing") == ["purchases.charge", "purchases.pack_in"]
        assert list(workers.map(run, [tasks.pack_in] * 2)) == ["ran", "ran"]
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


def test_a_charge_its_record_and_its_pack_in_commit_together_or_not_at_all(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    waiting: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(order_id: str) -> None:
        raise QueueFull

    order = placed()
    with monkeypatch.context() as patch:
        patch.setattr(tasks.pack_in, "delay", full)
        with pytest.raises(QueueFull):
            tasks.charge(str(order.id))
    order.refresh_from_db()
    assert order.charged_at is None
    assert Effect.objects.get().result is None
    tasks.charge(str(order.id))
    order.refresh_from_db()
    assert [made["id"] for made in payment_provider.charges()["charges"]] == [order.charge_id]
    assert waiting("purchasing") == ["purchases.charge", "purchases.pack_in"]


def test_a_charge_older_than_the_providers_memory_is_left_to_a_person(
    placed: Callable[[], Order], payment_provider: PaymentProvider
) -> None:
    order = placed()
    payment_provider.control(fail_after_charge_next=1)
    with pytest.raises(client.PaymentUnavailable):
        tasks.charge(str(order.id))
    Effect.objects.update(first_tried_at=timezone.now() - timedelta(hours=client.KEEPS_KEY_HOURS))
    with pytest.raises(KeyTooOld):
        tasks.charge(str(order.id))
    assert payment_provider.charges()["attempts"] == 1


def test_a_charge_refused_for_our_api_key_is_made_however_late_that_is_repaired(
    placed: Callable[[], Order], payment_provider: PaymentProvider, settings: Any
) -> None:
    order, right = placed(), settings.PAYMENTS_API_KEY
    settings.PAYMENTS_API_KEY = "yesterday's"
    with pytest.raises(client.PaymentRefused, match="401"):
        tasks.charge(str(order.id))
    Effect.objects.update(first_tried_at=timezone.now() - timedelta(days=7))
    settings.PAYMENTS_API_KEY = right
    tasks.charge(str(order.id))
    assert len(payment_provider.charges()["charges"]) == 1


def test_an_answer_that_the_ledger_knows_is_not_asked_for_again(
    placed: Callable[[], Order], payment_provider: PaymentProvider
) -> None:
    order = placed()
    tasks.charge(str(order.id))
    Order.objects.update(charged_at=None, charge_id="")  # somebody's mistake
    tasks.charge(str(order.id))
    order.refresh_from_db()
    assert order.charge_id == payment_provider.charges()["charges"][0]["id"]
    assert payment_provider.charges()["attempts"] == 1


def test_a_declined_card_ends_the_order_with_a_reason_and_a_mail(
    placed: Callable[[], Order],
    payment_provider: PaymentProvider,
    waiting: Callable[[str], list[str]],
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
    assert waiting("purchasing") == ["purchases.charge"]  # the purchase's own, and no pack-in
    assert [mail.subject.split(":")[0] for mail in mailoutbox] == ["Your order", "Payment declined"]


def test_money_that_has_moved_outweighs_a_decline(
    placed: Callable[[], Order], payment_provider: PaymentProvider
) -> None:
    order = placed()
    Order.objects.filter(pk=order.pk).update(declined_at=timezone.now(), decline_reason="no")
    with transaction.atomic():
        tasks._record(str(order.id), charge_id="ch_1")
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
