"""The examples of docs/durable_tasks.md run as they stand there."""

import json
import re
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from celery.app.registry import TaskRegistry
from django.db import connection
from durable_shop.models import Note

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.testing import run_enqueued

PAGE = Path(__file__).parent.parent.parent / "docs" / "durable_tasks.md"
TWO_STEPS, TESTS, SAMPLES = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M
)

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


class Order:
    """An order of the page's project: a note, whose text holds the columns."""

    def __init__(self, note: Note) -> None:
        self.note, self.pk, self.id = note, note.pk, note.pk
        vars(self).update(self.columns)

    @property
    def columns(self) -> dict[str, Any]:
        return dict(json.loads(self.note.text))

    def refresh_from_db(self) -> None:
        self.note.refresh_from_db()
        vars(self).update(self.columns)


class Orders:
    """What the page leaves open: the model of an order."""

    def __init__(self) -> None:
        self.objects = self

    def create(self, *_left_open: Any, **columns: Any) -> Order:
        columns = {"packed_at": None, "charge_id": "", **columns}
        return Order(Note.objects.create(text=json.dumps(columns)))

    def filter(self, pk: Any, **wanted: Any) -> "Orders":
        orders = map(Order, Note.objects.filter(pk=pk))
        self.chosen = [order for order in orders if wanted.items() <= order.columns.items()]
        return self

    def update(self, **columns: Any) -> int:
        for order in self.chosen:
            order.note.text = json.dumps(order.columns | columns, default=str)
            order.note.save()
        return len(self.chosen)


class OwnTasks(TaskRegistry):
    """The page's tasks alone: no shared ones of what this process has imported by now."""

    def __setitem__(self, name: str, task: Any) -> None:
        if name.startswith(("purchases.", "audit.", "durable_tasks.delete_old_")):
            super().__setitem__(name, task)


class Provider:
    """The far side, which knows its keys."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def charge(self, order_id: str, *, idempotency_key: str) -> SimpleNamespace:
        self.asked.append((idempotency_key, connection.in_atomic_block))
        return SimpleNamespace(id=f"charge of {idempotency_key}")

    def charges(self) -> set[str]:
        return {key for key, _ in self.asked}


@pytest.fixture
def payment_provider() -> Provider:
    return Provider()


@pytest.fixture
def shop(payment_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the page's first example has made, in a project of its app."""
    options: dict[str, Any] = {"task_cls": "patterns.durable_tasks.task:DurableTask"}
    app = DurableCelery("shop", set_as_current=False, tasks=OwnTasks(), **options)
    app.conf.update(broker_url="redis://127.0.0.1:1/0", task_ignore_result=True)
    # Else every other app of this process would have the page's tasks.
    app.task = partial(app.task, shared=False)
    for name, names in {
        "purchases": {"provider": payment_provider},
        "purchases.models": {"Order": Orders()},
        "shop": {},
        "shop.celery": {"app": app},
    }.items():
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
    made = {"__name__": "purchases.tasks"}  # Celery's tasks have a module
    exec(TWO_STEPS, made)
    return made


def test_each_step_enqueues_the_next_and_ends_with_its_effect(
    shop: dict[str, Any], payment_provider: Provider
) -> None:
    assert [row.name for row in TaskRow.objects.all()] == ["purchases.charge"]
    order = shop["order"]
    ran = run_enqueued(app=shop["app"])
    assert [each.name for each in ran] == ["purchases.charge", "purchases.pack_in"]
    assert payment_provider.asked == [(f"order-{order.pk}", False)]
    order.refresh_from_db()
    assert order.charge_id == f"charge of order-{order.pk}"
    assert order.packed_at is not None


@pytest.mark.parametrize("name", ["test_an_order_is_packed", "test_an_order_is_packed_once"])
def test_the_tests_of_the_page_pass(shop: dict[str, Any], current_shop: Any, name: str) -> None:
    TaskRow.objects.all().delete()  # of the example itself
    shop["app"].set_current()  # as a project's own app is
    exec(TESTS, shop)
    shop[name](None)


def test_the_samples_of_the_page_hold_its_tasks_to_rule_4(
    shop: dict[str, Any], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    @shop["app"].task(name="audit.log")
    def log() -> None:
        Note.objects.create(text="a line")

    def placed_order() -> Any:
        return shop["Order"].create()

    def charged_order() -> Any:
        return shop["Order"].create(charge_id="ch_1")

    names: dict[str, Any] = {"placed_order": placed_order, "charged_order": charged_order}
    samples, second_runs = SAMPLES.split("# tests/test_every_task_twice.py")
    exec(samples, names)
    of_project = ModuleType("tests.samples")
    of_project.SAMPLES = names["SAMPLES"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.samples", of_project)
    exec(second_runs, names)
    every: Any = names["test_a_second_run_does_nothing"]
    [parameters] = [mark.args for mark in every.pytestmark if mark.name == "parametrize"]
    assert [str(case) for case in parameters[1]] == ["purchases.charge", "purchases.pack_in"]
    for case in parameters[1]:
        every(case, request)
