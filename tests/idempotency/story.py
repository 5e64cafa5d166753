"""A worker's process for the tasks of docs/double_charge.md, around the smallest queue there is.

A step is a row; it is deleted when its task has ended, and else run again by the next process.
"""

import json
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from django.db import connection, models, transaction

from patterns.idempotency import ledger

DOCS = Path(__file__).parent.parent.parent / "docs"
ONE_TASK, TWO_STEPS = re.findall(
    r"```python\n(.*?)```", (DOCS / "double_charge.md").read_text(encoding="utf-8"), re.DOTALL
)


class Order(models.Model):
    price_cents = models.IntegerField(default=1250)
    charge_id = models.TextField(default="")
    pack_in = models.TextField(default="")

    class Meta:
        app_label = "story"

    def __str__(self) -> str:
        return f"order {self.pk}"


class Step(models.Model):
    task = models.TextField()
    order_id = models.IntegerField()

    class Meta:
        app_label = "story"

    def __str__(self) -> str:
        return f"{self.task} of {self.order_id}"


class Task:
    """As much of a durable task as the page uses."""

    def __init__(self, body: Callable[[int], None], options: dict[str, bool]) -> None:
        self.body = body
        self.is_atomic = options.get("durable", True) and options.get("atomic", True)
        self.step = Step()

    @property
    def request(self) -> SimpleNamespace:
        return SimpleNamespace(id=f"step-{self.step.pk}")

    def delay(self, order_id: int) -> None:
        Step.objects.create(task=self.body.__name__, order_id=order_id)

    @contextmanager
    def completing(self) -> Iterator[None]:
        with transaction.atomic():
            yield
            self.step.delete()

    def run(self, step: Step) -> None:
        self.step = step
        with transaction.atomic() if self.is_atomic else nullcontext():
            self.body(step.order_id)
            Step.objects.filter(pk=step.pk).delete()


class App:
    """Celery's `@app.task`, with and without options."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}

    def task(self, body: Callable[[int], None] | None = None, **options: bool) -> Any:
        def define(body: Callable[[int], None]) -> Task:
            return self.tasks.setdefault(body.__name__, Task(body, options))

        return define if body is None else define(body)


class Provider:
    """The provider's client, which makes up a key where it is given none."""

    def __init__(self, url: str, api_key: str, *, pauses: bool) -> None:
        self.url, self.api_key, self.pauses = url, api_key, pauses

    def charge(self, price_cents: int, idempotency_key: str = "") -> str:
        charge = {"amount_cents": price_cents, "currency": "EUR", "reference": "the order"}
        headers = {
            "Idempotency-Key": idempotency_key or str(uuid4()),
            "Authorization": f"Bearer {self.api_key}",
        }
        request = urllib.request.Request(
            f"{self.url}/charges", data=json.dumps(charge).encode(), headers=headers
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            charge_id = str(json.load(answer)["id"])
        if self.pauses:
            say("charged")
            sys.stdin.readline()
        return charge_id


def work(page: str, url: str, api_key: str, *, pauses: bool = False, spoils: bool = False) -> None:
    """Run the tasks of one version of the page until no step is left, or one fails."""
    app = App()

    def pack_in_sheet(order: Order) -> str:
        if spoils:
            raise RuntimeError("the printer is out of paper")
        return f"charge {order.charge_id}"

    provider = Provider(url, api_key, pauses=pauses)
    names = {"app": app, "ledger": ledger, "Order": Order, "provider": provider}
    exec(page, {**names, "pack_in_sheet": pack_in_sheet})
    while step := Step.objects.order_by("pk").first():
        try:
            app.tasks[step.task].run(step)
        except Exception as error:
            say(type(error).__name__)
            return
    say("no step is left")


def say(line: str) -> None:
    """Tell the test."""
    print(line, flush=True)


def create_tables() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Order)
        editor.create_model(Step)


def drop_tables() -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(Step)
        editor.delete_model(Order)
