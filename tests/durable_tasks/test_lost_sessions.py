"""A session with the database ends at each statement of a run in turn: nothing is lost or twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from durable_shop.celery import app
from durable_shop.models import Note
from durable_shop.tasks import write

from patterns.durable_tasks import claim, settle
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.row_options import read_options
from tests.durable_tasks.conftest import notes
from tests.durable_tasks.lost_runs import work_off
from tests.lost_sessions import WHEN, faults

AWAY = (OperationalError, InterfaceError)
Shop = dict[str, Any]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Tasks that retry a lost session where their body meets it."""
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(settle, "PAUSE_SECONDS", 0)
    options: dict[str, Any] = {"bind": True, "shared": False, "autoretry_for": AWAY}

    @app.task(name="lost.note", **options)
    def note(self: Any, text: str) -> None:
        write(text)

    @app.task(name="lost.returned", atomic=False, **options)
    def returned(self: Any, text: str) -> str:
        return text

    @app.task(name="lost.again", **options)
    def again(self: Any, text: str) -> None:
        write(text)
        if "time_limit" not in read_options(TaskRow.objects.get(pk=self.request.id).options):
            raise self.retry(args=[f"{text} again"], time_limit=100)

    @app.task(name="lost.outside", atomic=False, **options)
    def outside(self: Any, text: str) -> None:
        with self.completing():
            write(text)
            note.delay(f"{text} after")

    @app.task(name="lost.wrong", **options)
    def wrong(self: Any, text: str) -> None:
        write(text)
        raise ValueError(text)

    tasks = {task.name.split(".")[1]: task for task in (note, returned, again, outside, wrong)}
    yield tasks
    for task in tasks.values():
        app.tasks.unregister(task.name)


Failure = tuple[str, str, str]
CASES: dict[str, tuple[Callable[[Shop], Any], list[str], list[Failure]]] = {
    "a body": (lambda shop: shop["note"].delay("x"), ["x"], []),
    "a chain": (lambda shop: (shop["returned"].s("x") | shop["note"].s()).delay(), ["x"], []),
    "a retry": (lambda shop: shop["again"].delay("x"), ["x again"], []),
    "a completing block": (lambda shop: shop["outside"].delay("x"), ["x", "x after"], []),
    "a failure": (
        lambda shop: shop["wrong"].delay("x"),
        [],
        [("lost.wrong", '[["x"], {}]', "ValueError: x")],
    ),
}


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("case", CASES)
def test_a_session_that_ends_at_any_statement_of_a_run_loses_and_doubles_nothing(
    case: str, when: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue, written, failed = CASES[case]
    for fault in faults(monkeypatch, when, fewest=4):
        enqueue(shop)
        work_off(app, fault)
        rows = TaskRow.objects.values_list("name", "arguments", "error")
        assert (sorted(notes()), list(rows)) == (written, failed), f"at statement {fault.at}"
        TaskRow.objects.all().delete()
        Note.objects.all().delete()
