"""Django's tasks on real servers: PostgreSQL, a broker, a relay and workers that are killed."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from development.server import Server
from django.db import transaction
from durable_shop import work
from durable_shop.celery import app

from patterns.durable_tasks import failed
from patterns.durable_tasks.django_tasks import framework
from patterns.durable_tasks.models import QueueRow, TaskRow
from patterns.durable_tasks.relay import Relay
from patterns.durable_tasks.selection import Selection
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.messages import messages
from tests.servers import eventually

Status = framework.TaskResultStatus

pytestmark = pytest.mark.usefixtures("current_shop")


def has(result: Any, status: Any) -> bool:
    result.refresh()
    return bool(result.status == status)


def test_a_message_names_a_carrier_and_shows_the_function_and_the_largest_priority_goes_first(
    broker: Server,
) -> None:
    QueueRow.objects.create(name="default")
    relay = Relay(app)
    results = [work.write.using(priority=each).enqueue("hello") for each in (-60, 0, 60)]
    relay.turn()
    relay.broker.close()
    sent = messages(broker)
    assert [each["id"] for each in sent] == [each.id for each in reversed(results)]
    assert {each["task"] for each in sent} == {"durable_tasks.django_task"}
    assert {each["shadow"] for each in sent} == {"durable_shop.work.write"}


def test_what_commits_runs_and_what_rolls_back_does_not(
    start_relay: Start, start_worker: Start
) -> None:
    start_relay()
    worker = start_worker("-E")
    with transaction.atomic():
        gone = work.write.enqueue("rolled back")
        transaction.set_rollback(True)
    with transaction.atomic():
        kept = work.awrite.enqueue("committed")
    eventually(lambda: has(kept, Status.SUCCESSFUL))
    assert (kept.return_value, kept.attempts) == (["committed"], 1)
    assert kept.worker_ids[0].endswith("@test")
    assert (notes(), all_done()) == (["committed"], True)
    with pytest.raises(framework.TaskResultDoesNotExist):
        gone.refresh()
    # The worker has been told of no module; and its log names the function, as Flower does.
    eventually(lambda: worker.has_said(f"Task durable_shop.work.awrite[{kept.id}] received"))


def test_a_killed_workers_task_runs_again_and_has_two_attempts(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    start_relay()
    worker = start_worker(name="same@test")
    result = work.write.enqueue("hello", f"wait for {go}")
    eventually(lambda: has(result, Status.RUNNING))
    assert (result.attempts, notes()) == (1, [])
    os.killpg(worker.pid, signal.SIGKILL)
    worker.process.wait(60)
    go.touch()
    start_worker(name="same@test")
    eventually(lambda: has(result, Status.SUCCESSFUL))
    assert (result.worker_ids, result.errors) == (["same@test"] * 2, [])
    assert notes() == ["hello"]


def test_a_failure_is_in_the_failed_set_and_its_replay_succeeds(
    start_relay: Start, start_worker: Start
) -> None:
    start_relay()
    worker = start_worker()
    result = work.write.enqueue("hello", "raise")
    eventually(lambda: has(result, Status.FAILED))
    assert result.errors[0].exception_class is ValueError
    row = TaskRow.objects.get(state=4)
    assert (row.name, row.exception) == ("durable_shop.work.write", "ValueError")
    assert "'hello'" in row.shown
    eventually(lambda: worker.has_said("state=FAILED"))  # Django's log of task_finished
    TaskRow.objects.update(arguments=row.arguments.replace('"raise"', "null"))
    assert failed.replay(Selection(ids=[row.pk]), by="Ann").done == 1
    eventually(lambda: has(result, Status.SUCCESSFUL))
    assert (notes(), all_done(), result.attempts) == (["hello"], True, 2)


def test_a_task_outside_of_a_transaction_completes_and_is_retried(
    start_relay: Start, start_worker: Start
) -> None:
    start_relay()
    start_worker()
    result = work.contact.enqueue("contacted")
    eventually(lambda: has(result, Status.SUCCESSFUL))
    tried = work.fails.enqueue("exit")
    eventually(lambda: has(tried, Status.FAILED))
    assert [error.exception_class for error in tried.errors] == [SystemExit]
    retried = work.fails.enqueue("value")
    eventually(lambda: has(retried, Status.FAILED))
    assert (retried.attempts, len(retried.errors)) == (3, 3)
    assert TaskRow.objects.get(pk=retried.id).reason == "retries"
