"""What the tests of the purchases share: a customer, a product, and a way to buy."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from patterns.durable_tasks.models import TaskRow
from purchases.models import Order, Product
from purchases.placing import place_order

# A worker takes a task within milliseconds, two retries take 6 seconds at most; the rest is for
# a machine that runs many tests at once.
DEADLINE_SECONDS = 60.0

LETTERBOX = "patterns.queued_mail.backend.EmailBackend"


@pytest.fixture
def customer(db: None) -> User:
    """Somebody whose name does not fit into ASCII, nor into HTML as it is."""
    return User.objects.create_user("zoe@example.com", "pw-pw-pw-9", name="Zoë <Ødegård> 🎈")


@pytest.fixture
def product(db: None) -> Product:
    """Something for sale, with a name as awkward as its buyer's."""
    return Product.objects.create(
        slug="kite", name='Kite "Ö" <b>&', description="Flies & <i>floats</i>.", price_cents=123405
    )


@pytest.fixture
def customer_client(customer: User) -> Client:
    """A browser in which the customer has logged in."""
    client = Client()
    client.force_login(customer)
    return client


@pytest.fixture
def placed(customer: User, product: Product) -> Callable[[], Order]:
    """Place an order as the view does, with a token of its own."""
    return lambda: place_order(
        customer=customer,
        product=product,
        purchase_token=uuid4(),
        seen_price_cents=product.price_cents,
    )


@pytest.fixture
def queued_mail_backend(settings: Any) -> None:
    """Mail as the shop does; pytest-django puts mails into a list in memory instead."""
    settings.EMAIL_BACKEND = LETTERBOX


@pytest.fixture
def waiting(db: None) -> Callable[[str], list[str]]:
    """Name the tasks that wait in a queue, in order."""

    def names(queue: str) -> list[str]:
        rows = TaskRow.objects.filter(queue=queue).order_by("enqueued_at")
        return list(rows.values_list("name", flat=True))

    return names


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds, and fail where it does not in time."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    return wait
