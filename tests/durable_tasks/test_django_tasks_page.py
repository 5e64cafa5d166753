"""The examples of docs/django_tasks.md run as they stand there."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from durable_shop.models import Note

from patterns.durable_tasks.django_tasks import framework
from tests.durable_tasks.test_django_tasks import run

PAGE = Path(__file__).parent.parent.parent / "docs" / "django_tasks.md"
TASKS, VIEW, SETTINGS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)

pytestmark = pytest.mark.usefixtures("current_shop")


class Orders:
    """What the page's project has of orders: notes, whose text says whether they are packed."""

    def __init__(self) -> None:
        self.objects = self

    def create(self) -> Note:
        return Note.objects.create(text="ordered")

    def filter(self, pk: int) -> "Orders":
        self.chosen = Note.objects.filter(pk=pk)
        return self

    def update(self, is_packed: bool) -> int:
        return self.chosen.update(text="packed" if is_packed else "ordered")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """A project with the page's settings and its module of tasks."""
    known: dict[str, Any] = {}
    exec(SETTINGS, known)
    settings.TASKS = known["TASKS"]
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "__init__.py").touch()
    text = TASKS if framework.TASKS_APP == "" else TASKS.replace("django.tasks", "django_tasks")
    (folder / "tasks.py").write_text(text, encoding="utf-8")
    models = ModuleType("orders.models")
    models.Order = Orders()  # type: ignore[attr-defined]
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "orders.models", models)
    yield
    for name in ("orders", "orders.tasks"):
        sys.modules.pop(name, None)


def test_the_view_enqueues_with_its_order_and_finds_the_result(project: None) -> None:
    known: dict[str, Any] = {}
    exec(VIEW, known)
    assert known["result"].status == "READY"
    run()
    known["result"].refresh()
    assert (known["result"].status, known["result"].return_value) == ("SUCCESSFUL", 1)
    assert Note.objects.get().text == "packed"


def test_the_outside_task_has_no_open_transaction_and_one_key(project: None) -> None:
    tasks = import_module("orders.tasks")
    asked: list[tuple[str, bool]] = []

    def charge(order_id: int, idempotency_key: str) -> str:
        asked.append((idempotency_key, connection.in_atomic_block))
        return "charged"

    tasks.__dict__["provider"] = SimpleNamespace(charge=charge)
    result = tasks.charge.enqueue(7)
    run()
    assert asked == [("order-7", False)]
    assert tasks.charge.get_result(result.id).return_value == "charged"
