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
from django.utils import timezone
from durable_shop.models import Note

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.every_task import cases
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.testing import run_enqueued

PAGE = Path(__file__).parent.parent.parent / "docs" / "durable_tasks.md"
TWO_STEPS, TESTS, SAMPLES = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M
)

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


class Orders:
    """What the page's project has of orders: notes, whose text holds the columns."""

    def __init__(self) -> None:
        self.objects = self

    def create(self, *_left_open: Any, **columns: Any) -> Note:
        return Note.objects.create(text=json.dumps({"packed_at": None, **columns}))

    def filter(self, pk: Any, **wanted: Any) -> "Orders":
        self.chosen = [
            note
            for note in Note.objects.filter(pk=pk)
            if wanted.items() <= json.loads(note.text).items()
        ]
        return self

    def update(self, **columns: Any) -> None:
        for note in self.chosen:
            note.text = json.dumps(json.loads(note.text) | columns, default=str)
            note.save()


class OwnTasks(TaskRegistry):
    """The page's tasks alone: no shared ones of what this process has imported by now."""

    def __setitem__(self, name: str, task: Any) -> None:
        if name.startswith(("purchases.", "audit.")):
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
    configured = ModuleType("config.celery")
    configured.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "config", ModuleType("config"))
    monkeypatch.setitem(sys.modules, "config.celery", configured)
    names = {"Order": Orders(), "timezone": timezone, "provider": payment_provider}
    names["__name__"] = "purchases.tasks"  # Celery's tasks have a module
    exec(TWO_STEPS, names)
    return names


def test_each_step_enqueues_the_next_and_ends_with_its_effect(
    shop: dict[str, Any], payment_provider: Provider
) -> None:
    assert [row.name for row in TaskRow.objects.all()] == ["purchases.charge"]
    order = shop["order"]
    ran = run_enqueued(app=shop["app"])
    assert [each.name for each in ran] == ["purchases.charge", "purchases.pack_in"]
    assert payment_provider.asked == [(f"order-{order.pk}", False)]
    order.refresh_from_db()
    columns = json.loads(order.text)
    assert columns["charge_id"] == f"charge of order-{order.pk}"
    assert columns["packed_at"] is not None


def test_the_samples_of_the_page_hold_its_tasks_to_rule_4(
    shop: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    @shop["app"].task(name="audit.log")
    def log() -> None:
        Note.objects.create(text="a line")

    def placed_order() -> Any:
        return shop["Order"].create()

    def charged_order() -> Any:
        return shop["Order"].create(charge_id="ch_1")

    names = {"pytest": pytest, "cases": cases, "app": shop["app"]}
    names |= {"placed_order": placed_order, "charged_order": charged_order}
    exec(SAMPLES, names)
    every: Any = names["test_a_second_run_does_nothing"]
    [parameters] = [mark.args for mark in every.pytestmark if mark.name == "parametrize"]
    assert [str(case) for case in parameters[1]] == ["purchases.charge", "purchases.pack_in"]
    for case in parameters[1]:
        every(case, request)
