"""How each queue is doing is counted as it is, also where no relay has looked."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from patterns.durable_tasks import pausing, upkeep
from patterns.durable_tasks.figures import QueueFigures, failed_by_name, figures
from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.conftest import app
from tests.durable_tasks.test_publication import enqueue


def row(state: State, queue: str = "mail", due_seconds: float = 0, **parts: Any) -> TaskRow:
    now = timezone.now()
    made: TaskRow = TaskRow.objects.create(
        name=parts.pop("name", "shop.task"),
        queue=queue,
        state=state,
        due_at=now + timedelta(seconds=due_seconds),
        arguments="[[], {}]",
        **parts,
    )
    return made


def test_each_state_is_counted_by_queue() -> None:
    for state in State:
        row(state)
    row(State.READY, "other")
    mail = figures()["mail"]
    assert (mail.waiting, mail.scheduled, mail.running, mail.failed) == (2, 1, 1, 1)
    assert mail.rows == 4
    assert figures()["other"].waiting == 1


def test_a_queue_that_is_configured_or_was_seen_is_there_without_rows(settings: Any) -> None:
    settings.DURABLE_TASKS_QUEUES = {"mail": {"cap": 7}}
    enqueue(1, queue="seen")
    upkeep.discover()
    TaskRow.objects.all().delete()
    found = figures()
    assert found["mail"] == QueueFigures(cap=7)
    assert found["seen"] == QueueFigures()


@pytest.mark.parametrize("state", [State.SCHEDULED, State.READY, State.PUBLISHED])
def test_the_oldest_that_is_due_and_not_begun_counts(state: State) -> None:
    row(state, due_seconds=-500)
    row(State.READY, due_seconds=-20)
    row(State.SCHEDULED, due_seconds=900)
    row(State.RUNNING, due_seconds=-9000)
    row(State.FAILED, due_seconds=-9000)
    assert 500 <= figures()["mail"].oldest_due_seconds < 600


def test_of_ranks_and_queues_each_counts() -> None:
    for queue in ("a", "mail", "z"):
        for rank in (-1, 0, 5):
            row(State.READY, queue, due_seconds=-10 * rank - 100, rank=rank)
    assert [round(each.oldest_due_seconds, -1) for each in figures().values()] == [150, 150, 150]


def test_nothing_due_is_no_wait() -> None:
    row(State.SCHEDULED, due_seconds=60)
    assert figures()["mail"].oldest_due_seconds == 0


def test_a_pause_is_told() -> None:
    enqueue(1, queue="default")
    pausing.pause(app, "default")
    assert figures()["default"].is_paused


def test_failed_ones_are_counted_by_name_the_newest_first() -> None:
    now = timezone.now()
    for name, minutes in (("a", 30), ("b", 20), ("a", 10)):
        row(State.FAILED, name=name, failed_at=now - timedelta(minutes=minutes))
    row(State.DISCARDED, name="c")
    found = failed_by_name()
    assert [(each.name, each.count) for each in found] == [("a", 2), ("b", 1)]
    assert found[0].newest == now - timedelta(minutes=10)
