"""A cancelled task does not run, is in the failed set, and says who did it."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from durable_shop import tasks

from patterns.durable_tasks import failed
from patterns.durable_tasks.cancel import cancel, cancel_all
from patterns.durable_tasks.failed import Selection
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.failures import fail, history, states
from tests.servers import eventually


def test_a_cancelled_task_says_who_did_it_and_is_failed() -> None:
    row = tasks.write_note.apply_async(["x"], unique_key="key")
    assert [str(each) for each in cancel([row.id], by="pat\0")] == [row.id]
    kept = TaskRow.objects.get()
    assert (kept.state, kept.reason, kept.error) == (4, "cancelled", r"Cancelled by pat\x00.")
    assert (kept.failures, kept.exception, kept.unique_key) == (1, "cancelled", None)
    assert history(kept.pk) == [("cancelled", r"pat\x00")]


def test_what_has_ended_or_is_unknown_is_left_alone() -> None:
    row = fail("x")
    assert cancel([row.pk, uuid4()], by="pat") == []
    assert history(row.pk) == [("failed", "")]


def test_one_that_has_started_is_cancelled_only_where_that_is_meant() -> None:
    id = tasks.write_note.delay("x").id
    TaskRow.objects.update(state=State.RUNNING, claim=uuid4())
    assert cancel([id], by="pat", is_running_too=False) == []
    assert len(cancel([id], by="pat")) == 1
    assert TaskRow.objects.get().claim is None


def test_two_who_cancel_the_same_tasks_do_it_once() -> None:
    ids = [tasks.write_note.delay(str(n)).id for n in range(200)]
    done: list[int] = []

    def begin(mine: list[str]) -> None:
        done.append(len(cancel(mine, by="pat")))
        connection.close()

    threads = [threading.Thread(target=begin, args=[each]) for each in (ids, ids[::-1], ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == Event.objects.filter(kind="cancelled").count() == 200


def test_a_selection_is_cancelled_in_its_states() -> None:
    tasks.write_note.apply_async(["a"], countdown=60)
    tasks.write_note.apply_async(["b"], queue="mail")
    assert cancel_all(Selection(states=(State.SCHEDULED, State.READY), queue="mail"), by="pat") == 1
    assert states() == {0: 1, 4: 1}


def test_more_than_one_transaction_holds_are_all_cancelled_each_part_told_where_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("patterns.durable_tasks.cancel.AT_ONCE", 2)
    tasks.write_note.enqueue_many([([text], {}) for text in "abc"])
    assert cancel_all(Selection(states=(State.READY,)), by="pat") == 3
    tasks.write_note.enqueue_many([([text], {}) for text in "abc"])
    told: list[int] = []
    assert cancel_all(Selection(states=(State.READY,)), by="pat", progress=told.append) == 3
    assert told == [2]


def test_a_running_task_that_is_cancelled_changes_nothing_and_can_be_replayed(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    start_relay()
    start_worker()
    flag = tmp_path / "flag"
    id = tasks.write_note.delay("x", f"wait for {flag}").id
    eventually(lambda: TaskRow.objects.filter(state=3).exists())
    assert len(cancel([id], by="pat")) == 1
    flag.touch()
    tasks.write_note.delay("behind")
    eventually(lambda: notes() == ["behind"])
    assert failed.replay(Selection(), by="pat").done == 1
    eventually(all_done)
    assert notes() == ["behind", "x"]
    kinds = [kind for kind, _ in history(TaskRow(pk=id).pk)]
    assert kinds == ["cancelled", "replayed", "succeeded"]
