"""What Django asks of a backend for its tasks, of this one; on Django's own and its backport."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from celery import Task
from celery.exceptions import SoftTimeLimitExceeded, TaskRevokedError, WorkerLostError
from django.db import transaction
from durable_shop import settings as shop_settings
from durable_shop import work
from durable_shop.celery import app as shop

from patterns.durable_tasks import cancel, cleanup, failed, priorities
from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.django_tasks import DurableBackend, framework, record
from patterns.durable_tasks.errors import ArgumentsRefused
from patterns.durable_tasks.models import FailedAttempt, Outcome, State, TaskRow
from patterns.durable_tasks.selection import Selection
from patterns.durable_tasks.task import DurableTask
from patterns.durable_tasks.testing import Ran, assert_enqueued, run_enqueued
from tests.durable_tasks.conftest import notes

Status = framework.TaskResultStatus
READY = (Status.READY, False, 0, [])


pytestmark = pytest.mark.usefixtures("current_shop")


class Retrying(Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """A project's base, which retries what may pass."""

    abstract = True
    max_retries = 100

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.run(*args, **kwargs)
        except ConnectionError as error:
            raise self.retry(exc=error, countdown=0) from error


class Base(DurableTask, Retrying):
    abstract = True


def run(**options: Any) -> list[Ran]:
    return run_enqueued(raises=False, **{"scheduled": True, **options})


def backend(alias: str = "default") -> Any:
    return framework.task_backends[alias]


def about(result: Any) -> Any:
    return result.status, result.is_finished, result.attempts, result.errors


# What a backend says of itself ---------------------------------------------------------------


def test_it_supports_all_that_django_knows_to_ask_for() -> None:
    assert isinstance(backend(), DurableBackend)
    names = ("defer", "async_task", "get_result", "priority")
    assert [getattr(backend(), f"supports_{name}") for name in names] == [True] * 4


def test_a_backend_that_keeps_no_results_says_so() -> None:
    assert not backend("once").supports_get_result
    result = work.forgotten.enqueue()
    (ran,) = run()
    assert (ran.outcome, ran.result) == ("completed", "gone")
    assert not Outcome.objects.exists()
    with pytest.raises(NotImplementedError):
        backend("once").get_result(result.id)
    with pytest.raises(NotImplementedError):
        result.refresh()


# Enqueuing -------------------------------------------------------------------------------------


def test_a_task_is_a_row_under_its_functions_path() -> None:
    result = work.write.enqueue("hello")
    (row,) = assert_enqueued(work.write, args=["hello"], kwargs={}, queue="default", count=1)
    assert (str(row.pk), row.name) == (result.id, "durable_shop.work.write")
    assert len(result.id) < 64
    assert about(result) == READY
    assert (result.task, result.args, result.kwargs) == (work.write, ["hello"], {})
    assert (result.backend, result.enqueued_at is None) == ("default", False)
    assert result.started_at is result.last_attempted_at is result.finished_at is None


def test_a_task_of_a_transaction_that_rolls_back_was_never_enqueued() -> None:
    with transaction.atomic():
        result = work.write.enqueue("hello")
        assert about(backend().get_result(result.id)) == READY
        transaction.set_rollback(True)
    with pytest.raises(framework.TaskResultDoesNotExist):
        result.refresh()


def test_a_coroutine_enqueues_too(settings: Any) -> None:
    async def caller() -> Any:
        result = await work.awrite.aenqueue("hello")
        await result.arefresh()
        return result, await work.awrite.aget_result(result.id)

    result, again = async_to_sync(caller)()
    assert result == again
    assert about(result) == READY


def test_the_largest_priority_goes_first_and_none_is_a_celery_tasks() -> None:
    for priority in (-100, 100, 0, 50, -1):
        work.write.using(priority=priority).enqueue(str(priority))
    assert sorted(TaskRow.objects.values_list("rank", flat=True)) == [-100, -50, 0, 1, 100]
    run()
    assert notes() == ["100", "50", "0", "-1", "-100"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [("redis://127.0.0.1:1/0", [0, 0, 1, 100]), ("amqp://127.0.0.1:1//", [100, 1, 0, 0])],
)
def test_a_brokers_message_has_its_priority_the_brokers_way_round(
    url: str, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # In Redis the lowest number goes first, in AMQP the largest.
    monkeypatch.setitem(shop.conf, "broker_write_url", url)
    assert [priorities.priority(shop, rank) for rank in (-100, -1, 1, 100)] == expected


def test_run_after_is_when_it_is_due() -> None:
    after = datetime.now(UTC) + timedelta(hours=1)
    result = work.write.using(run_after=after).enqueue("later")
    row = TaskRow.objects.get()
    assert (row.state, row.due_at) == (State.SCHEDULED, after)
    result.refresh()
    assert (result.status, result.task.run_after) == (Status.READY, after)
    assert run(scheduled=False) == []
    run()
    result.refresh()
    assert result.status == Status.SUCCESSFUL


def test_a_queue_name_is_celerys_queue() -> None:
    result = work.mailed.enqueue()
    assert TaskRow.objects.get().queue == "mail"
    result.refresh()
    assert (result.task, result.task.priority) == (work.mailed, 10)


def test_an_undeclared_queue_is_refused() -> None:
    with pytest.raises(framework.InvalidTask, match="'typo'"):
        work.write.using(queue_name="typo")


def test_a_queue_that_celery_does_not_declare_is_refused(settings: Any) -> None:
    entry = {"BACKEND": shop_settings.TASKS["default"]["BACKEND"], "QUEUES": []}
    settings.TASKS = {"default": entry}
    shop.conf.task_create_missing_queues = False
    shop.__dict__.pop("amqp", None)
    try:
        with pytest.raises(framework.InvalidTask, match=r"no queue 'typo'. Declare it"):
            work.write.using(queue_name="typo").enqueue("x")
    finally:
        shop.conf.task_create_missing_queues = True
        shop.__dict__.pop("amqp", None)


def test_a_worker_must_find_the_task_by_its_functions_path() -> None:
    with pytest.raises(framework.InvalidTask, match="Decorate the function itself"):
        work.renamed.enqueue()


def test_a_function_of_a_module_that_no_worker_can_import_is_refused() -> None:
    namespace: dict[str, Any] = {"__name__": "durable_shop.typed_in"}
    exec("def typed(): ...", namespace)
    with pytest.raises(framework.InvalidTask, match=r"imports durable_shop\.typed_in\.typed"):
        replace(work.write, func=namespace["typed"]).enqueue()


def test_a_function_within_another_is_refused() -> None:
    def local() -> None: ...

    with pytest.raises(framework.InvalidTask, match="module level"):
        replace(work.write, func=local)


@pytest.mark.parametrize("value", [object(), {1}, datetime.now(UTC), b"\xff"])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="Unsupported"):
        work.write.enqueue(value)
    assert not TaskRow.objects.exists()


def test_wrong_arguments_are_refused_in_the_caller() -> None:
    with pytest.raises(TypeError, match=r"durable_shop.work.write: missing .* 'text'"):
        work.write.enqueue()
    with pytest.raises(TypeError, match="too many positional"):
        work.told.enqueue("a", "b")


def test_arguments_that_are_too_large_are_refused() -> None:
    with pytest.raises(ArgumentsRefused, match=r"durable_shop\.work\.write"):
        work.write.enqueue("x" * 70_000)


def test_secrets_are_hidden_by_the_functions_own_names() -> None:
    work.told.enqueue("abc")
    row = TaskRow.objects.get()
    assert "abc" in row.arguments
    assert "abc" not in row.shown


# Running ---------------------------------------------------------------------------------------


def test_a_success_and_its_result_are_kept_together() -> None:
    result = work.write.enqueue("hello")
    run()
    assert (notes(), TaskRow.objects.exists()) == (["hello"], False)
    with pytest.raises(ValueError, match="not finished"):
        result.return_value  # noqa: B018
    result.refresh()
    assert about(result) == (Status.SUCCESSFUL, True, 1, [])
    assert (result.return_value, result.worker_ids) == ("hello", ["test"])
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert result.started_at == result.last_attempted_at
    assert work.write.get_result(result.id) == result


def test_a_coroutine_runs_in_the_tasks_transaction() -> None:
    result = work.awrite.enqueue("hello")
    (ran,) = run()
    assert ran.outcome == "completed", ran.error
    assert work.awrite.get_result(result.id).return_value == ["hello"]


def test_a_context_is_that_of_the_running_attempt() -> None:
    result = work.told.enqueue()
    run()
    result.refresh()
    assert result.return_value == [result.id, 1, "RUNNING"]


def test_what_is_returned_has_to_be_json_else_nothing_was_done() -> None:
    result = work.returns_set.enqueue()
    run()
    result.refresh()
    assert result.status == Status.FAILED
    assert result.errors[0].exception_class is TypeError
    assert notes() == []


def test_what_is_returned_has_a_largest_size(settings: Any) -> None:
    result = work.awrite.enqueue("x" * 100)
    settings.DURABLE_TASKS_MAX_ARGUMENT_BYTES = 100
    run()
    result.refresh()
    assert "Store it and return an id" in result.errors[0].traceback


@pytest.mark.parametrize(
    ("how", "kind", "last"),
    [
        ("value", ValueError, "ValueError: told to\n"),
        ("own", work.OwnError, "durable_shop.work.OwnError: of two\nlines\n"),
        ("exit", SystemExit, "SystemExit: told to\n"),
    ],
)
def test_a_failure_has_its_class_its_traceback_and_its_attempts(
    how: str, kind: type[BaseException], last: str
) -> None:
    result = work.fails.using(backend="once").enqueue(how)
    run()
    (row,) = TaskRow.objects.all()
    assert (row.state, row.name, row.reason) == (State.FAILED, "durable_shop.work.fails", "error")
    found = backend().get_result(result.id)
    assert (found.status, found.is_finished, found.attempts) == (Status.FAILED, True, 1)
    assert (found.worker_ids, found.finished_at) == (["test"], row.failed_at)
    (error,) = found.errors
    assert error.exception_class is kind
    assert error.traceback.endswith(last)
    with pytest.raises(ValueError, match="Task failed"):
        found.return_value  # noqa: B018


def test_max_retries_counts_every_attempt_and_keeps_every_error() -> None:
    result = work.fails.enqueue("value")
    assert [ran.outcome for ran in run()] == ["retried", "retried", "failed"]
    result.refresh()
    assert (result.status, result.attempts, len(result.errors)) == (Status.FAILED, 3, 3)
    assert result.started_at < result.last_attempted_at


def test_what_took_too_long_once_is_not_tried_again() -> None:
    result = work.fails.enqueue("slow")
    assert [ran.outcome for ran in run()] == ["failed"]
    result.refresh()
    [error] = result.errors
    assert error.exception_class is SoftTimeLimitExceeded


def test_where_an_attempt_cannot_be_kept_its_task_fails_with_the_error_in_its_row(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(record, "_FAIL", "INSERT INTO nothing VALUES (%s, %s, %s, %s)")
    work.fails.using(backend="once").enqueue("value")
    assert [ran.outcome for ran in run()] == ["failed"]
    assert "its error is in its row alone" in caplog.text
    assert TaskRow.objects.get().error == "ValueError: told to"


def test_without_max_retries_the_base_task_decides() -> None:
    work.fails.using(backend="default").enqueue("value")
    assert [ran.outcome for ran in run()] == ["failed"]


@pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")
@pytest.mark.parametrize(
    ("alias", "outcomes"),
    [
        ("default", ["retried"] * 5),  # of a hundred
        ("retried", ["retried", "retried", "failed"]),
        ("once", ["failed"]),
    ],
)
def test_max_retries_goes_before_a_base_task_that_retries(alias: str, outcomes: list[str]) -> None:
    retrying = DurableCelery("retrying", task_cls=Base, set_as_current=False)
    work.fails.using(backend=alias).enqueue("away")
    found = []
    while len(found) < len(outcomes):
        TaskRow.objects.update(due_at=datetime.now(UTC))
        found += [ran.outcome for ran in run(app=retrying, scheduled=False)]
    assert found[: len(outcomes)] == outcomes


def test_a_retried_task_is_ready_again() -> None:
    result = work.fails.enqueue("value")
    run_enqueued(raises=False)
    result.refresh()
    assert (result.status, result.is_finished, result.attempts) == (Status.READY, False, 1)
    assert result.errors[0].exception_class is ValueError


def test_a_replayed_task_succeeds_under_its_id_and_keeps_its_errors() -> None:
    result = work.write.enqueue("hello", "raise")
    run()
    result.refresh()
    assert result.status == Status.FAILED
    text = TaskRow.objects.get().arguments.replace('"raise"', "null")
    TaskRow.objects.update(arguments=text)  # as after a deploy that cures it
    assert failed.replay(Selection(), by="Ann").done == 1
    result.refresh()
    assert (result.status, result.finished_at) == (Status.READY, None)
    run()
    result.refresh()
    assert (result.status, result.attempts, result.return_value) == (Status.SUCCESSFUL, 2, "hello")
    assert [error.exception_class for error in result.errors] == [ValueError]
    assert result.started_at < result.last_attempted_at


def test_a_cancelled_task_has_failed_without_an_attempt() -> None:
    result = work.write.enqueue("hello")
    cancel.cancel([result.id], by="Ann")
    result.refresh()
    assert (result.status, result.attempts, result.started_at) == (Status.FAILED, 0, None)
    assert result.errors[0].exception_class is TaskRevokedError
    assert "Ann" in result.errors[0].traceback


def test_a_crash_is_an_attempt() -> None:
    result = work.write.enqueue("hello")
    TaskRow.objects.update(state=State.RUNNING, worker="w1@test", started_at=datetime.now(UTC))
    result.refresh()
    assert (result.status, result.worker_ids) == (Status.RUNNING, ["w1@test"])
    TaskRow.objects.update(state=State.READY, worker="", crashes=1)
    result.refresh()
    assert (result.status, result.worker_ids) == (Status.READY, ["w1@test"])
    run()
    result.refresh()
    assert (result.status, result.worker_ids) == (Status.SUCCESSFUL, ["w1@test", "test"])


def test_a_task_that_crashed_for_good_says_so() -> None:
    result = work.write.enqueue("hello")
    now = datetime.now(UTC)
    TaskRow.objects.update(
        state=State.FAILED, crashes=3, reason="crashes", error="killed", failed_at=now
    )
    result.refresh()
    (error,) = result.errors
    assert (error.exception_class, error.traceback) == (WorkerLostError, "killed")


def test_an_outside_task_runs_in_no_transaction() -> None:
    result = work.contact.enqueue("contacted", "raise")
    run()
    result = work.contact.get_result(result.id)
    assert (result.status, notes()) == (Status.FAILED, ["contacted"])
    result = work.contact.enqueue("again")
    run()
    assert work.contact.get_result(result.id).return_value == "again"


def test_what_carries_a_django_task_is_not_called_by_itself() -> None:
    carrier = shop.tasks["durable_tasks.django_task"]
    with pytest.raises(TypeError, match=r"enqueue\(\) one of these"):
        carrier()


# Finding results --------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["123", "8c0b3b46-6d35-4b5e-9a57-2f2f6c1f4d11", ""])
def test_an_unknown_id_does_not_exist(id: str) -> None:
    with pytest.raises(framework.TaskResultDoesNotExist):
        backend().get_result(id)


def test_a_celery_tasks_id_is_no_django_tasks() -> None:
    id = shop.tasks["shop.write_note"].delay("celery").id
    with pytest.raises(framework.TaskResultDoesNotExist):
        backend().get_result(id)


def test_another_tasks_result_does_not_match() -> None:
    result = work.write.enqueue("hello")
    with pytest.raises(Exception, match="Task does not match"):
        work.told.get_result(result.id)


def test_a_result_of_code_that_is_gone_does_not_exist() -> None:
    result = work.write.enqueue("hello")
    TaskRow.objects.update(name="durable_shop.work.gone")
    with pytest.raises(framework.TaskResultDoesNotExist, match=r"work.gone cannot be imported"):
        backend().get_result(result.id)


def test_code_that_a_worker_does_not_have_yet_is_waited_for_and_spends_nothing() -> None:
    work.write.enqueue("hello")
    for path in ("durable_shop.work.coming", "durable_shop.work.OwnError"):
        TaskRow.objects.update(name=path)
        (ran,) = run_enqueued(raises=False, scheduled=False) or run(scheduled=True)[:1]
        assert ran.outcome == "retried"
        row = TaskRow.objects.get()
        assert (row.state, row.retries, row.crashes) == (State.SCHEDULED, 0, 0)
        assert "coming" in row.error or "no task" in row.error
        TaskRow.objects.update(state=State.READY, due_at=datetime.now(UTC))
    TaskRow.objects.update(name="durable_shop.work.write")
    run()
    assert notes() == ["hello"]
    assert not FailedAttempt.objects.exists()


def test_code_that_does_not_come_is_a_failure(settings: Any) -> None:
    settings.DURABLE_TASKS_UNKNOWN_TASK_SECONDS = 1e-9
    work.write.enqueue("hello")
    TaskRow.objects.update(name="durable_shop.work.gone")
    (ran,) = run()
    assert ran.outcome == "failed"
    assert "work.gone cannot be imported" in TaskRow.objects.get().error


def test_results_are_deleted_when_their_time_is_over() -> None:
    kept, old = work.write.enqueue("kept"), work.write.enqueue("old")
    run()
    Outcome.objects.filter(pk=old.id).update(expires_at=datetime.now(UTC))
    assert cleanup.delete_old_results() == (1, 0)
    assert kept.status == Status.READY
    assert backend().get_result(kept.id).return_value == "kept"
    with pytest.raises(framework.TaskResultDoesNotExist):
        backend().get_result(old.id)


def test_errors_stay_as_long_as_the_task_that_failed() -> None:
    work.write.enqueue("hello", "raise")
    run()
    FailedAttempt.objects.update(at=datetime.now(UTC) - timedelta(days=31))
    assert cleanup.delete_old_results() == (0, 0)
    TaskRow.objects.all().delete()
    assert cleanup.delete_old_results() == (0, 1)


def test_errors_stay_as_long_as_the_result_of_what_succeeded_at_last() -> None:
    result = work.write.enqueue("hello", "raise")
    run()
    TaskRow.objects.update(arguments=TaskRow.objects.get().arguments.replace('"raise"', "null"))
    failed.replay(Selection(), by="Ann")
    run()
    FailedAttempt.objects.update(at=datetime.now(UTC) - timedelta(days=31))
    assert cleanup.delete_old_results() == (0, 0)
    result.refresh()
    assert [error.exception_class for error in result.errors] == [ValueError]


# Signals -----------------------------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str, bool]]]:
    """Which signals were sent, with the status, and whether a row was there."""
    said: list[tuple[str, str, bool]] = []

    def hear(name: str) -> Any:
        def receiver(sender: Any, task_result: Any, **_: Any) -> None:
            assert sender is DurableBackend
            is_there = TaskRow.objects.filter(pk=task_result.id).exists()
            said.append((name, str(task_result.status), is_there))

        return receiver

    names = ("enqueued", "started", "finished")
    signals = {name: getattr(framework, f"task_{name}") for name in names}
    receivers = {name: hear(name) for name in names}
    for name, signal in signals.items():
        signal.connect(receivers[name])
    yield said
    for name, signal in signals.items():
        signal.disconnect(receivers[name])


def test_signals_are_sent_and_the_last_once_the_end_is_written(heard: list[Any]) -> None:
    work.write.enqueue("hello")
    run()
    assert heard == [
        ("enqueued", "READY", True),
        ("started", "RUNNING", True),
        ("finished", "SUCCESSFUL", False),
    ]


def test_a_failure_is_finished_and_a_retried_attempt_is_not(heard: list[Any]) -> None:
    work.fails.enqueue("value")
    run()
    assert heard == [
        ("enqueued", "READY", True),
        *[("started", "RUNNING", True)] * 3,
        ("finished", "FAILED", True),
    ]


def test_a_failing_receiver_changes_no_end(caplog: pytest.LogCaptureFixture) -> None:
    def receiver(**_: Any) -> None:
        raise LookupError("of the receiver")

    framework.task_finished.connect(receiver)
    try:
        result = work.write.enqueue("hello")
        assert [ran.outcome for ran in run()] == ["completed"]
    finally:
        framework.task_finished.disconnect(receiver)
    result.refresh()
    assert result.status == Status.SUCCESSFUL
    assert "of the receiver" in caplog.text
