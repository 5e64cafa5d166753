"""A task that keeps its effects in a ledger, run twice."""

from collections.abc import Iterator

import httpx
import pytest

from patterns.idempotency import ledger
from patterns.idempotency.models import Effect
from tests.durable_tasks.sampled import OutsideServer, defined, new_app, of, refused, run

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


@pytest.fixture
def empty_ledger() -> Iterator[None]:
    yield
    Effect.objects.all().delete()


def test_an_effect_that_a_ledger_guards_is_done_once(
    far_side: OutsideServer, empty_ledger: None
) -> None:
    def charge(key: str) -> None:
        with ledger.effect(key, keeps_key_hours=24, holder=task.request.id) as effect:
            if not effect.is_recorded:
                httpx.get(f"http://{far_side.address}/{effect.key}").raise_for_status()
            with task.completing():
                effect.record("done")

    app = new_app("sampled")
    task = defined(app, charge, atomic=False)
    run(app, of("order-1"))
    assert far_side.asked == {"/order-1": 1}


def test_an_effect_that_asks_the_outside_before_its_ledger_fails(
    far_side: OutsideServer, empty_ledger: None
) -> None:
    def charge(key: str) -> None:
        with ledger.effect(key, keeps_key_hours=24, holder=task.request.id) as effect:
            httpx.get(f"http://{far_side.address}/{effect.key}").raise_for_status()
            with task.completing():
                effect.record("done")

    app = new_app("sampled")
    task = defined(app, charge, atomic=False)
    with refused(f"a connection to {far_side.address}"):
        run(app, of("order-1"))
