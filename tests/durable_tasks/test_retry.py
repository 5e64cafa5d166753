"""What `retry()` of a durable run may say, and how it ends where it cannot be kept."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from celery.exceptions import MaxRetriesExceededError, QueueNotFound, Reject
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks.errors import NotKept
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.run import Run
from tests.durable_tasks.test_testing import in_a_tests_transaction, run

__all__ = ["in_a_tests_transaction"]  # a fixture


@pytest.fixture
def again() -> Iterator[Any]:
    """A task that takes a secret, and asks to be retried with these options."""

    @app.task(name="retry.again", bind=True, shared=False)
    def again(self: Any, user: str, password: str, options: dict[str, Any]) -> None:
        self.retry(**options)

    yield again
    app.tasks.unregister("retry.again")


def test_a_retry_may_change_its_queue_its_priority_and_its_limits(again: Any) -> None:
    options = {"queue": "slow", "priority": 3, "time_limit": 20, "soft_time_limit": 10}
    again.apply_async(("anna", "hunter2", options), headers={"trace": "t"})
    assert run()[0].outcome == "retried"
    row = TaskRow.objects.get()
    assert (row.queue, row.rank, row.retries) == ("slow", 3, 1)
    kept = json.loads(row.options)
    assert (kept["time_limit"], kept["soft_time_limit"]) == (20, 10)
    assert kept["headers"] == {"trace": "t"}


@pytest.mark.parametrize("how", ["autoretry", "retry"])
def test_a_body_that_empties_its_own_list_is_retried_with_what_was_enqueued(how: str) -> None:
    """As its writes are undone; in Celery alone the next attempt would find nothing to do."""
    seen: list[list[int]] = []

    @app.task(name="retry.empties", bind=True, shared=False, autoretry_for=(OSError,))
    def empties(self: Any, each: list[int], *, options: dict[str, str]) -> None:
        seen.append([*each])
        each.clear()
        options.clear()
        if len(seen) == 1:
            raise self.retry() if how == "retry" else OSError("away")

    try:
        empties.delay([1, 2], options={"a": "b"})
        assert run()[0].outcome == "retried"
        row = TaskRow.objects.get()
        assert row.arguments == '[[[1, 2]], {"options": {"a": "b"}}]'
        assert row.retries == 1
    finally:
        app.tasks.unregister("retry.empties")


@pytest.mark.parametrize("spoilt", [object(), "x" * 2_000_000])
def test_what_a_body_makes_of_its_arguments_keeps_no_retry_from_the_row(spoilt: object) -> None:
    @app.task(name="retry.spoils", shared=False, autoretry_for=(OSError,))
    def spoils(data: dict[str, object]) -> None:
        data["more"] = spoilt
        raise OSError("away")

    try:
        spoils.delay({})
        assert run()[0].outcome == "retried"
        assert TaskRow.objects.get().arguments == "[[{}], {}]"
    finally:
        app.tasks.unregister("retry.spoils")


def test_a_priority_that_a_message_cannot_say_stays_the_rows(again: Any) -> None:
    again.delay("anna", "hunter2", {})
    TaskRow.objects.update(rank=-10)
    again.push_request(delivery_info={"priority": 0, "routing_key": "default"})
    assert run()[0].outcome == "retried"
    assert TaskRow.objects.get().rank == -10


def test_a_queue_that_may_not_be_made_up_is_refused_by_a_retry_as_by_a_call(
    again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    again.delay("anna", "hunter2", {"queue": "typo"})
    monkeypatch.setitem(app.conf, "task_create_missing_queues", False)
    app.__dict__.pop("amqp", None)  # made anew for the next test too
    with pytest.raises(QueueNotFound, match="typo"):
        run()
    row = TaskRow.objects.get()
    assert (row.state, row.queue) == (4, "default")


def test_what_an_earlier_decision_of_the_run_named_is_kept_by_a_later_one() -> None:
    @app.task(name="retry.twice", bind=True, shared=False, autoretry_for=(OSError,))
    def twice(self: Any, text: str) -> None:
        self.retry(args=["new"], queue="slow", priority=3, throw=False)
        raise OSError("in its cleaning up")

    try:
        twice.delay("old")
        assert run()[0].outcome == "retried"
        row = TaskRow.objects.get()
        assert (row.arguments, row.queue, row.rank) == ('[["new"], {}]', "slow", 3)
    finally:
        app.tasks.unregister("retry.twice")


def test_one_runs_limit_of_retries_is_no_other_runs(again: Any) -> None:
    again.delay("anna", "hunter2", {"max_retries": 0})
    with pytest.raises(MaxRetriesExceededError):
        run()
    assert "override_max_retries" in vars(again)
    again.delay("anna", "hunter2", {})
    run()
    assert "override_max_retries" not in vars(again)


def test_a_retry_that_names_the_arguments_that_there_are_leaves_the_row_as_it_was() -> None:
    @app.task(name="retry.same", bind=True, shared=False)
    def same(self: Any, text: str) -> None:
        self.retry(args=[text], kwargs={})

    try:
        same.delay("text")
        before = TaskRow.objects.get()
        assert run()[0].outcome == "retried"
        row = TaskRow.objects.get()
        assert (row.arguments, row.shown, row.retries) == (before.arguments, before.shown, 1)
    finally:
        app.tasks.unregister("retry.same")


@pytest.mark.parametrize("how", ["well", "badly"])
def test_a_retry_after_the_end_is_refused(how: str) -> None:
    @app.task(name="retry.late", bind=True, shared=False)
    def late(self: Any) -> None:
        if how == "badly":
            raise ValueError("told to")

    runs: list[Run] = []
    late.run_claimed = lambda run, own=late.run_claimed: runs.append(run) or own(run)
    try:
        late.delay()
        with suppress(ValueError):
            run()
        late.push_request(id=str(runs[0].claim.id), called_directly=False, durable_run=runs[0])
        with pytest.raises(NotKept, match=r"retry\.late: retry\(\) after the task's end"):
            late.retry()
        late.pop_request()
    finally:
        app.tasks.unregister("retry.late")


def test_an_option_that_a_retry_does_not_change_is_refused_by_name(again: Any) -> None:
    again.delay("anna", "hunter2", {"expires": 60})
    with pytest.raises(NotKept, match=r"retry\.again: retry\(\) .* does not change expires"):
        run()
    assert TaskRow.objects.get().state == 4


def test_a_retry_that_cannot_be_written_fails_with_what_is_wrong_with_it(again: Any) -> None:
    again.delay("anna", "hunter2", {"countdown": "soon"})
    with pytest.raises(TypeError, match="countdown='soon' is no number of seconds"):
        run()
    assert TaskRow.objects.get().error.startswith("TypeError")


def test_retries_that_are_used_up_say_so_without_a_secret(again: Any) -> None:
    again.delay("anna", "hunter2", {"max_retries": 0})
    with pytest.raises(MaxRetriesExceededError, match=r"retry\.again.*args:\('anna', '\*\*\*'"):
        run()
    row = TaskRow.objects.get()
    assert "hunter2" not in row.error + row.traceback


def test_an_error_of_the_bodys_own_is_what_it_fails_with_when_retries_are_used_up() -> None:
    own = MaxRetriesExceededError("the provider's limit")

    @app.task(name="retry.own", bind=True, shared=False)
    def with_an_error(self: Any) -> None:
        self.retry(exc=own, max_retries=0)

    with_an_error.delay()
    (ran,) = run(raises=False)
    app.tasks.unregister("retry.own")
    assert ran.error is own


def test_a_plain_task_whose_retry_the_broker_does_not_take_ends_as_in_celery() -> None:
    tasks.plain.push_request(called_directly=False, id=str(uuid4()), args=["x"], kwargs={})
    try:
        with pytest.raises(Reject):
            tasks.plain.retry(countdown=1)
    finally:
        tasks.plain.pop_request()
