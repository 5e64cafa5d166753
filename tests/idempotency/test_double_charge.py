"""docs/double_charge.md is right: the story's one task charges twice, two steps and a ledger once.

Real processes, a real database, and a payment provider with books of its own; both versions are
taken out of the page.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from development.testing import PaymentProvider

from tests.idempotency import story
from tests.idempotency.conftest import Process

Work = Callable[..., Process]
FIRST_TASKS = {"ONE_TASK": "charge_and_pack_in", "TWO_STEPS": "charge"}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[PaymentProvider]:
    with PaymentProvider("the-key", str(tmp_path)) as process:
        yield process


@pytest.fixture(params=[("ONE_TASK", 2), ("TWO_STEPS", 1)], ids=["one_task", "two_steps"])
def version(request: pytest.FixtureRequest) -> tuple[str, int]:
    """Return a version's name in story.py, and the charges that the page's table gives it."""
    name, charges = request.param
    return name, charges


@pytest.fixture
def order(database: None, version: tuple[str, int]) -> Iterator[story.Order]:
    story.create_tables()
    placed = story.Order.objects.create()
    story.Step.objects.create(task=FIRST_TASKS[version[0]], order_id=placed.pk)
    yield placed
    story.drop_tables()


@pytest.fixture
def work(
    process: Callable[[str], Process], provider: PaymentProvider, version: tuple[str, int]
) -> Work:
    """Return a function that starts a worker's process for the order's tasks."""

    def start(**behaviour: bool) -> Process:
        arguments = f"story.{version[0]}, {provider.url!r}, {provider.api_key!r}"
        return process(
            f"from tests.idempotency import story\nstory.work({arguments}, **{behaviour})"
        )

    return start


@pytest.fixture
def charges(
    work: Work, order: story.Order, provider: PaymentProvider, version: tuple[str, int]
) -> Callable[[], None]:
    """Return a function that lets the queue run to its end, and looks into both books."""

    def require() -> None:
        work().says("no step is left")
        made = [charge["id"] for charge in provider.charges()["charges"]]
        assert len(made) == version[1]
        order.refresh_from_db()
        assert order.charge_id in made
        assert order.pack_in == f"charge {order.charge_id}"

    return require


def test_a_process_killed_after_the_charge(work: Work, charges: Callable[[], None]) -> None:
    killed = work(pauses=True)
    killed.says("charged")
    killed.kill()
    charges()


def test_a_provider_that_charges_and_fails_to_answer(
    work: Work, provider: PaymentProvider, charges: Callable[[], None]
) -> None:
    provider.control(fail_after_charge_next=1)
    work().says("HTTPError")
    charges()


def test_a_pack_in_that_fails(work: Work, charges: Callable[[], None]) -> None:
    work(spoils=True).says("RuntimeError")
    charges()


def test_a_message_that_two_workers_get_at_once(
    work: Work, order: story.Order, charges: Callable[[], None]
) -> None:
    first, second = work(pauses=True), work(pauses=True)
    for each in (first, second):
        each.says("charged")
    for each in (first, second):
        each.tell("go on")
        each.end()
    charges()


def test_without_a_crash_both_charge_once(
    work: Work, provider: PaymentProvider, order: story.Order
) -> None:
    work().says("no step is left")
    order.refresh_from_db()
    assert [charge["id"] for charge in provider.charges()["charges"]] == [order.charge_id]
