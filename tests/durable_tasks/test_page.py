"""The first example of docs/durable_tasks.md: the page asks that a second run does nothing."""

import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat
from durable_shop.models import Note

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.testing import run_enqueued, run_twice

PAGE = Path(__file__).parent.parent.parent / "docs" / "durable_tasks.md"
EXAMPLE = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)[0]

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


class Orders:
    """What the page's project has of orders: notes, whose text says what became of each."""

    def create(self, *_: Any) -> Note:
        return Note.objects.create(text="ordered")

    def filter(self, pk: str, **unset: Any) -> SimpleNamespace:
        chosen = Note.objects.filter(pk=pk)
        for name in unset:
            chosen = chosen.exclude(text__contains=name)
        return SimpleNamespace(update=lambda **values: self.mark(chosen, *values))

    def mark(self, chosen: QuerySet[Note], name: str) -> int:
        return chosen.update(text=Concat("text", Value(f", {name}")))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    app = DurableCelery(
        "page", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
    )
    app.conf.update(broker_url="redis://127.0.0.1:1/0", task_ignore_result=True)
    provider = SimpleNamespace(charge=lambda order_id, idempotency_key: SimpleNamespace(id="ch"))
    for name, module in {
        "purchases": SimpleNamespace(provider=provider),
        "purchases.models": SimpleNamespace(Order=SimpleNamespace(objects=Orders())),
        "shop": SimpleNamespace(),
        # Not shared: Celery would give the page's tasks to the apps of other tests.
        "shop.celery": SimpleNamespace(app=SimpleNamespace(task=partial(app.task, shared=False))),
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    known: dict[str, Any] = {"__name__": "purchases.tasks"}
    exec(EXAMPLE.replace("create(...)", "create()"), known)
    return {**known, "app": app}


def test_an_order_is_charged_and_packed(page: dict[str, Any]) -> None:
    run_enqueued(app=page["app"])
    assert Note.objects.get().text == "ordered, charge_id, packed_at"


@pytest.mark.parametrize("name", ["charge", "pack_in"])
def test_a_second_run_of_each_task_does_nothing(page: dict[str, Any], name: str) -> None:
    TaskRow.objects.all().delete()
    run_twice(page[name], str(page["order"].pk))
