"""How a run ends that has raised, where something else strikes at the same time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from patterns.durable_tasks import fresh, raised, settle
from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.models import State, TaskRow
from patterns.durable_tasks.run import Run
from tests.durable_tasks.test_settle import running

TOLD: Any = SimpleNamespace(
    name="told", atomic=True, durable=True, max_retries=None,
    attempt_fails=lambda *_: None, attempt_failed=lambda *_: None,
)  # fmt: skip


def nothing() -> None:
    """Tell Celery's request nothing: here is none."""


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_a_soft_time_limit_that_strikes_while_an_error_is_written_does_not_hide_it() -> None:
    strikes = [SoftTimeLimitExceeded()]

    def write(statement: str, values: Sequence[Any]) -> int:
        if strikes:
            raise strikes.pop()
        return settle.write_fresh(statement, values)

    with pytest.raises(ValueError, match="told to"):
        Run(TOLD, running(), write).body(nothing, raising(ValueError("told to")))
    row = TaskRow.objects.get()
    assert (row.state, row.reason, row.error) == (State.FAILED, "error", "ValueError: told to")


def test_one_that_strikes_while_a_time_limit_is_written_goes_on_to_celery() -> None:
    """It strikes once a run: a second one is somebody's who knows what it is for."""

    def write(*_: Any) -> int:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        Run(TOLD, running(), write).body(nothing, raising(SoftTimeLimitExceeded()))
    assert TaskRow.objects.get().state == State.RUNNING


@pytest.mark.parametrize(("error", "status"), [(ValueError("told to"), 1), (SystemExit(3), 3)])
def test_at_a_shutdown_the_row_is_left_to_the_workers_main_process(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """Whatever the body has made of the signal: else a deploy would spend its retries."""
    monkeypatch.setattr(raised, "terminate_handler_fired", lambda: True)
    claim = running()
    with pytest.raises(SystemExit) as ended:
        Run(TOLD, claim, settle.write_fresh).body(nothing, raising(error))
    assert ended.value.code == status
    row = TaskRow.objects.get()
    assert (row.state, row.claim, row.error) == (State.RUNNING, claim.token, "")


def test_a_session_that_is_lost_during_a_call_outside_does_not_cost_the_attempt() -> None:
    app = DurableCelery(
        "raised", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
    )

    @app.task(name="raised.outside", shared=False, atomic=False, ignore_result=True)
    def outside() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            session = cursor.fetchone()
        assert fresh.execute("SELECT pg_terminate_backend(%s, 10000)", session) == [(True,)]

    claim = replace(running(), since=time.monotonic() - 60)  # so long does the call take
    Run(outside, claim, settle.write_fresh).body(nothing, outside.run)
    assert not TaskRow.objects.exists()
