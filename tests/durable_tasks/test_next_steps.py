"""What follows a task commits with it, or not at all."""

from typing import Any

import psycopg
import pytest
from celery import chain, group
from django.db import transaction
from durable_shop import ends, tasks
from durable_shop.celery import app

from patterns.durable_tasks import next_steps
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.testing import run_enqueued
from tests.durable_tasks.conftest import Start, notes
from tests.durable_tasks.lost_runs import run_as_a_worker
from tests.servers import eventually


def test_what_follows_an_ended_task_runs_and_what_follows_a_failed_one_does_not(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    (tasks.write_note.s("a") | tasks.chained.s("b") | tasks.chained.s("c")).delay()
    (tasks.write_note.s("d", "raise") | tasks.chained.s("never")).delay()
    (tasks.write_note.s("e", "raise") | tasks.plain.s()).delay()
    (ends.ignored.s("f") | tasks.chained.s("never")).delay()
    (tasks.write_note.s("g") | tasks.plain.s()).delay()
    tasks.write_note.apply_async(("h",), link=tasks.chained.s("i"))
    eventually(lambda: TaskRow.objects.filter(state=4).count() == 2)
    eventually(lambda: TaskRow.objects.count() == 2)
    expected = ["a", "a>b", "a>b>c", "f", "g", "g", "h", "h>i"]
    eventually(lambda: len(notes()) >= len(expected))
    assert sorted(notes()) == expected


def several() -> Any:
    return group(tasks.chained.s("b"), group(tasks.chained.s("c"), tasks.plain.s()))


@pytest.mark.parametrize(
    ("call", "following"),
    [
        (lambda: tasks.write_note.s("a") | several(), ["b", "c"]),
        (
            lambda: tasks.write_note.s("a") | group(several(), tasks.chained.s("d") | several()),
            ["b", "c", "d"],
        ),
        (lambda: tasks.write_note.s("a").set(link=several()), ["b", "c"]),
        (
            lambda: tasks.write_note.s("a").set(link=chain(tasks.chained.s("b"), several())),
            ["b"],
        ),
    ],
    ids=["a group", "a group of groups and chains", "a link to a group", "a link to a chain"],
)
def test_what_follows_is_enqueued_by_the_transaction_that_ends_the_step_before(
    database: None, call: Any, following: list[str]
) -> None:
    call().delay()
    block: Any = transaction.atomic()  # within which no callback of the commit runs
    block._from_testcase = True
    with block:
        run_enqueued(tasks.write_note, app=app)
        assert sorted(row.arguments for row in TaskRow.objects.all()) == [
            f'[["a", "{each}"], {{}}]' for each in following
        ]
        transaction.set_rollback(True)


def test_a_step_whose_group_a_full_queue_refuses_has_failed_and_changed_nothing(
    database: None, settings: Any
) -> None:
    settings.DURABLE_TASKS_QUEUES = {"mail": {"cap": 1, "at_cap": "refuse"}}
    QueueRow.objects.create(name="mail", is_full=True)
    steps = group(tasks.chained.s("b"), tasks.chained.s("c").set(queue="mail"))
    (tasks.write_note.s("a") | steps).delay()
    run_enqueued(tasks.write_note, app=app, raises=False)
    row = TaskRow.objects.get()
    assert (row.name, row.state, row.exception) == ("shop.write_note", 4, "QueueFull")
    assert notes() == []


def test_the_members_of_a_group_run_with_the_result_of_the_step_before_and_go_on(
    start_relay: Start, start_worker: Start
) -> None:
    (
        tasks.write_note.s("a") | group(several(), tasks.chained.s("d") | tasks.chained.s("e"))
    ).delay()
    start_worker()
    start_relay()
    expected = ["a", "a", "a>b", "a>c", "a>d", "a>d>e"]
    eventually(lambda: len(notes()) >= len(expected))
    eventually(lambda: not TaskRow.objects.exists())
    assert sorted(notes()) == expected


def test_a_plain_next_step_that_no_broker_takes_is_said_and_the_step_before_has_ended(
    database: None, caplog: pytest.LogCaptureFixture
) -> None:
    (tasks.write_note.s("a") | tasks.plain.s()).delay()
    (ran,) = run_enqueued(app=app)
    assert (ran.outcome, notes(), TaskRow.objects.count()) == ("completed", ["a"], 0)
    assert "on_commit" in caplog.text


def test_a_plain_next_step_is_published_once_where_the_answer_to_the_commit_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Django forgets what it was to call after the COMMIT that seems to have failed."""
    (tasks.write_note.s("a") | tasks.plain.s()).delay()
    published, lost = [], []
    commit = psycopg.Connection.commit

    def answer_lost(self: Any) -> None:
        commit(self)
        if not lost and not TaskRow.objects.exists():
            lost.append(self)
            raise psycopg.OperationalError("the answer was lost")

    monkeypatch.setattr(type(app), "send_task", lambda *args, **_: published.append(args[1]))
    monkeypatch.setattr(psycopg.Connection, "commit", answer_lost)
    run_as_a_worker(app, TaskRow.objects.get())
    assert lost
    assert (notes(), published) == (["a"], [tasks.plain.name])
    (tasks.write_note.s("b") | tasks.plain.s()).delay()
    run_as_a_worker(app, TaskRow.objects.get())
    assert published == [tasks.plain.name] * 2


def test_a_plain_next_step_that_cannot_be_published_is_in_the_log_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    published: list[str] = []

    def refused() -> None:
        raise OSError("the broker is away")

    next_steps.publish([refused, lambda: published.append("second")])
    assert published == ["second"]
    assert "A plain next step was not published." in caplog.text
