"""The examples of docs/idempotency.md run as they stand there."""

import re
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from django.db import connection

from patterns.idempotency.models import Effect
from tests.idempotency.story import DOCS

USE, RESOLVE, TWICE = re.findall(
    r"^```python\n(.*?)^```", (DOCS / "idempotency.md").read_text(encoding="utf-8"), re.S | re.M
)


class Provider:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []

    def refund(self, charge_id: str, *, idempotency_key: str) -> str:
        self.asked.append((charge_id, idempotency_key, connection.in_atomic_block))
        return "re_1"


def model_of(payment: SimpleNamespace) -> SimpleNamespace:
    """A model with this one row."""
    return SimpleNamespace(objects=SimpleNamespace(get=lambda pk: {payment.pk: payment}[pk]))


@pytest.fixture(autouse=True)
def own_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's task is of this test alone: a shared one would be of every app made later."""
    app = Celery("page", set_as_current=False)
    monkeypatch.setattr("celery.shared_task", partial(app.task, shared=False))
    yield
    app.close()


def test_the_example_refunds_once_however_often_it_runs() -> None:
    provider, saved = Provider(), []
    payment = SimpleNamespace(
        pk=7, charge_id="ch_1", save=lambda: saved.append(connection.in_atomic_block)
    )
    names: dict[str, Any] = {"__name__": "page", "provider": provider, "Payment": model_of(payment)}
    exec(USE, names)
    names["refund"](7)
    names["refund"](7)
    assert provider.asked == [("ch_1", "refund-7", False)]
    assert saved == [True, True]
    assert payment.refund_id == "re_1"


def test_the_pages_own_test_passes() -> None:
    provider = Provider()
    payment = SimpleNamespace(pk=8, charge_id="ch_1", save=lambda: None)
    names: dict[str, Any] = {"__name__": "page", "provider": provider, "Payment": model_of(payment)}
    exec(USE + TWICE, names)
    asked = SimpleNamespace(refunds=provider.asked)
    names["test_a_refund_that_runs_twice_is_one_refund"](payment, asked, None)


def test_the_decisions_of_a_person_are_called_as_the_page_says() -> None:
    Effect.objects.create(key="order-1", first_tried_at="2026-01-01T00:00Z")
    with pytest.raises(Exception, match="waits for a decision"):
        exec(RESOLVE)  # settled, it cannot be forgotten as well
    assert Effect.objects.get().result == '{"id": "ch_1"}'
