"""What ends badly before a task's body ends with a budget too: its hook, and Celery's receivers."""

import json
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from durable_shop import befores, tasks

from patterns.durable_tasks.errors import NotKept
from patterns.durable_tasks.models import Event, TaskRow
from patterns.durable_tasks.task import DurableTask
from tests.durable_tasks.conftest import Start, all_done, failed, notes
from tests.servers import eventually


def kinds(row: TaskRow) -> list[str]:
    return [each.kind for each in Event.objects.filter(task_id=row.id).order_by("at", "id")]


@pytest.mark.parametrize(
    ("how", "says"), [("kill", "SIGKILL"), ("exit", "SystemExit: 3"), ("hang", "TimeLimit")]
)
def test_a_receiver_that_ends_the_process_each_time_fails_the_task_after_three(
    start_relay: Start, start_worker: Start, outside: Path, how: str, says: str
) -> None:
    outside.with_name("before").write_text(how)
    start_worker()
    start_relay()
    # Of a dead process its parent may hear late, where much runs: no limit is to end it before.
    limit = {"time_limit": 3} if how == "hang" else {}
    befores.received.apply_async(("x",), unique_key="one", **limit)
    for number in range(5):
        tasks.write_note.delay(str(number))
    row = eventually(lambda: TaskRow.objects.filter(state=4).first(), 90)
    assert (row.reason, row.crashes, row.failures) == ("crashes", 3, 1)
    assert (row.publication, row.unique_key, row.leased_until) == (None, None, None)
    assert says in row.error
    assert "task_prerun" in row.error
    assert "w0@test" in row.error
    assert kinds(row) == ["crashed"] * 3 + ["failed"]
    assert outside.read_text().split() == ["met"] * 3
    eventually(lambda: sorted(notes()) == list("01234"))


def test_what_a_receiver_raises_is_celerys_to_log_and_the_task_runs(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    outside.with_name("before").write_text("raise")
    worker = start_worker()
    start_relay()
    befores.received.delay("x")
    eventually(lambda: notes() == ["received"] and all_done())
    assert "raised: ValueError" in worker.words


def test_before_start_is_part_of_the_run_and_gets_its_arguments(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    befores.prepared.delay("well")
    eventually(lambda: notes() == ["prepared for well, True", "ran"] and all_done())


def test_before_start_that_raises_is_a_failure_and_what_it_wrote_is_undone(
    start_relay: Start, start_worker: Start
) -> None:
    start_worker()
    start_relay()
    befores.prepared.delay("raise")
    row = failed()
    assert (row.reason, row.error, row.failures) == ("error", "ValueError: told to", 1)
    assert "in prepare" in row.traceback
    assert notes() == []


@pytest.mark.parametrize("how", ["kill process", "kill worker"])
def test_before_start_that_kills_each_time_fails_the_task_after_three(
    start_relay: Start, start_worker: Start, outside: Path, how: str
) -> None:
    start_relay(DURABLE_TEST_PUBLICATION_LEASE="2")
    befores.prepared.delay(how)
    for _ in range(3 if how == "kill worker" else 0):
        start_worker(name="same@test").process.wait(60)
    start_worker(name="same@test")
    row = failed()
    assert (row.reason, row.crashes) == ("crashes", 3)
    assert outside.read_text().splitlines() == [f"met {how}"] * 3
    tasks.write_note.delay("goes on")
    eventually(lambda: notes() == ["goes on"])


def test_before_start_of_a_plain_task_is_celerys_and_its_failure_a_row_that_can_be_replayed(
    start_relay: Start, start_worker: Start, outside: Path
) -> None:
    start_worker()
    befores.plain_prepared.delay("raise")
    row = failed()
    assert (row.plain, row.reason, row.error) == (True, "error", "ValueError: told to")
    assert json.loads(row.arguments) == [["raise"], {}]
    befores.plain_prepared.delay("well")
    eventually(lambda: notes()[-1:] == ["ran"])
    start_relay()
    TaskRow.objects.update(state=1, arguments='[["replayed"], {}]')
    eventually(all_done)
    assert outside.read_text().splitlines() == ["met raise", "met well", "met replayed"]


def test_before_start_of_a_base_that_makes_itself_without_ours_is_not_called_before_the_claim() -> (
    None
):
    met: list[Any] = []

    class Cached(DurableTask):
        abstract = True

        def __init__(self) -> None:
            self.cache: dict[str, str] = {}

        def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
            met.append(args)

    def body() -> None: ...

    app = Celery("unit", set_as_current=False)
    task = app.task(name="unit.task", base=Cached, shared=False)(body)
    task.push_request(durable_publication="of a message")
    task.before_start("an id", (), {})  # as Celery does
    assert met == []


@pytest.mark.parametrize("is_durable", [True, False])
def test_a_base_whose_call_would_run_before_the_claim_is_refused(is_durable: bool) -> None:
    class Timed(DurableTask):
        abstract = True

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs)

    def body() -> None: ...

    app = Celery("unit", set_as_current=False)
    task = app.task(name="unit.task", base=Timed, durable=is_durable, shared=False)(body)
    with pytest.raises(NotKept, match=r"unit\.task: Timed\.__call__ .* class Base\(DurableTask, "):
        task.run  # noqa: B018  Celery makes the task when it is asked for
