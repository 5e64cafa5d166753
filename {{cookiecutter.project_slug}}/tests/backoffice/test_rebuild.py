"""A rebuild reaches every customer once, whatever comes twice, late, at once or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from backoffice import starting, tasks
from backoffice.models import STUCK_AFTER, CustomerIndex, IndexRebuild
from backoffice.tasks import rebuild_customer_index, start_rebuild
from development.testing import enqueued, wait_for
from purchases.models import Order, Product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(broker_url: str) -> User:
    return User.objects.create_user(email="danny@example.com", is_staff=True)


@pytest.fixture
def customers() -> list[User]:
    return [User.objects.create_user(email=f"customer{n}@example.com") for n in range(3)]


@pytest.fixture
def product() -> Product:
    return Product.objects.create(slug="rope", name="Rope", description="Long", price_cents=1250)


def order(customer: User, product: Product, **fields: Any) -> Order:
    return Order.objects.create(
        customer=customer,
        product=product,
        product_name=product.name,
        price_cents=product.price_cents,
        currency="EUR",
        purchase_token=uuid4(),
        confirmation_message_id=f"<{uuid4()}@example.com>",
        **fields,
    )


def run_all(rebuild: IndexRebuild, customers: list[User]) -> None:
    start_rebuild(rebuild.pk)
    for customer in customers:
        rebuild_customer_index(rebuild.pk, customer.pk)
    rebuild.refresh_from_db()


def test_an_index_holds_what_a_customer_bought(
    staff: User, customers: list[User], product: Product
) -> None:
    bought = order(customers[0], product)
    order(customers[0], product, declined_at=timezone.now())
    run_all(starting.start(by=staff), customers)
    index = CustomerIndex.objects.get(customer=customers[0])
    assert (index.orders_count, index.total_cents) == (1, 1250)
    assert index.last_order_at == bought.placed_at
    assert CustomerIndex.objects.get(customer=customers[1]).total == "€0.00"


def test_a_rebuild_ends_with_the_last_customer_and_not_before(
    staff: User, customers: list[User]
) -> None:
    rebuild = starting.start(by=staff)
    run_all(rebuild, customers[:-1])
    assert rebuild.is_running
    assert (rebuild.done_count(), rebuild.customer_count) == (2, 3)
    run_all(rebuild, customers[-1:])
    assert rebuild.finished_at is not None
    assert not rebuild.is_abandoned


def test_a_rebuild_without_customers_ends_at_once(staff: User) -> None:
    rebuild = starting.start(by=staff)
    run_all(rebuild, [])
    assert (rebuild.customer_count, rebuild.is_running) == (0, False)


def test_staff_are_customers_once_they_buy(staff: User, product: Product) -> None:
    order(staff, product)
    run_all(starting.start(by=staff), [staff])
    assert CustomerIndex.objects.get().customer == staff


def test_a_task_that_comes_twice_counts_once(staff: User, customers: list[User]) -> None:
    rebuild = starting.start(by=staff)
    run_all(rebuild, [customers[0]] * 2)
    start_rebuild(rebuild.pk)
    assert (rebuild.done_count(), rebuild.is_running) == (1, True)
    run_all(rebuild, customers)
    end = rebuild.finished_at
    run_all(rebuild, customers)
    assert rebuild.finished_at == end is not None


def test_a_customer_deleted_meanwhile_holds_nothing_up(staff: User, customers: list[User]) -> None:
    rebuild = starting.start(by=staff)
    start_rebuild(rebuild.pk)
    deleted = customers.pop().pk
    User.objects.get(pk=deleted).delete()
    rebuild_customer_index(rebuild.pk, deleted)
    run_all(rebuild, customers)
    assert not rebuild.is_running
    assert CustomerIndex.objects.count() == len(customers)


def test_the_last_two_tasks_at_once_end_the_rebuild(staff: User, customers: list[User]) -> None:
    rebuild = starting.start(by=staff)
    start_rebuild(rebuild.pk)
    together = Barrier(len(customers))

    def work(customer: User) -> None:
        try:
            together.wait()
            rebuild_customer_index(rebuild.pk, customer.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(customers)) as threads:
        list(threads.map(work, customers))
    rebuild.refresh_from_db()
    assert (rebuild.is_running, rebuild.done_count()) == (False, len(customers))


def test_of_two_staff_at_once_one_starts_a_rebuild(staff: User) -> None:
    together = Barrier(2)

    def press(_: int) -> bool:
        try:
            together.wait()
            starting.start(by=staff)
        except starting.RebuildIsRunning:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(press, range(2))) == [False, True]
    assert IndexRebuild.objects.count() == 1


def test_a_rebuild_that_stands_still_may_be_started_anew(
    staff: User, customers: list[User]
) -> None:
    stuck = starting.start(by=staff)
    start_rebuild(stuck.pk)
    with pytest.raises(starting.RebuildIsRunning):
        starting.start(by=staff)
    long_ago = timezone.now() - STUCK_AFTER - timedelta(seconds=1)
    IndexRebuild.objects.update(started_at=long_ago)
    anew = starting.start(by=staff)
    run_all(anew, customers)
    rebuild_customer_index(stuck.pk, customers[0].pk)  # a late message of the old one
    stuck.refresh_from_db()
    assert (stuck.is_abandoned, anew.is_abandoned, anew.is_running) == (True, False, False)
    assert set(CustomerIndex.objects.values_list("rebuild", flat=True)) == {anew.pk}


def test_a_rebuild_that_makes_progress_is_not_stuck(staff: User, customers: list[User]) -> None:
    rebuild = starting.start(by=staff)
    IndexRebuild.objects.update(started_at=timezone.now() - 2 * STUCK_AFTER)
    run_all(rebuild, customers[:1])
    assert not rebuild.is_stuck()


def test_pressing_the_button_enqueues_one_task_however_many_customers_there_are(
    staff: User, customers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild = starting.start(by=staff)
    assert enqueued("admin") == 1
    monkeypatch.setattr(tasks, "CUSTOMERS_A_CHUNK", 2)
    start_rebuild(rebuild.pk)
    assert enqueued("admin") == 1 + 2 + 1, "a chunk, and the task for the next one"
    start_rebuild(rebuild.pk, customers[1].pk)
    assert enqueued("admin") == 4 + 1


def test_a_chunk_is_enqueued_whole_or_not_at_all(
    staff: User, customers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild = starting.start(by=staff)
    monkeypatch.setattr(tasks, "CUSTOMERS_A_CHUNK", 2)
    monkeypatch.setattr(start_rebuild, "delay", Mock(side_effect=RuntimeError("no room")))
    with pytest.raises(RuntimeError):
        start_rebuild(rebuild.pk)
    assert enqueued("admin") == 1, "the first task, of the button"


def test_a_real_worker_rebuilds_every_customer(
    staff: User, customers: list[User], celery_worker_process: Callable[..., Any]
) -> None:
    worker = celery_worker_process("admin")
    rebuild = starting.start(by=staff)
    ended = IndexRebuild.objects.filter(pk=rebuild.pk, finished_at__isnull=False)
    wait_for(ended.exists, worker, "the rebuild", worker.log_path)
    assert CustomerIndex.objects.filter(rebuild=rebuild).count() == len(customers)
