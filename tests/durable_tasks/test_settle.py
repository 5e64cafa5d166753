"""The end of a run is written once the database answers, and only over the run's own row."""

import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction
from durable_shop import ends, tasks

from patterns.durable_tasks import error_text, fresh, settle
from patterns.durable_tasks.claim import Claim
from patterns.durable_tasks.errors import ClaimLost
from patterns.durable_tasks.models import State, TaskRow
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.test_recovery import pid_of
from tests.servers import eventually


def running() -> Claim:
    row = TaskRow(name="n", queue="q", arguments="[[],{}]", state=State.RUNNING, claim=uuid4())
    row.save()
    assert row.claim is not None
    values = {"arguments": "", "options": "", "retries": 0, "crashes": 0}
    return Claim(id=row.id, token=row.claim, name="n", queue="q", **values)


def taken_over(claim: Claim) -> None:
    TaskRow.objects.filter(id=claim.id).update(claim=uuid4())


def test_every_end_names_the_token() -> None:
    claim = running()
    taken_over(claim)
    decision = settle.Retry(
        delay_seconds=1, due_at=None, retries=1, arguments=None, shown=None, queue=None,
        rank=None, options=None,
    )  # fmt: skip
    assert not settle.fail(claim, "error", ValueError(), settle.write_fresh)
    assert not settle.retry(claim, decision, "", settle.write_fresh)
    assert not settle.put_back(claim, settle.write_fresh)
    with pytest.raises(ClaimLost), transaction.atomic():
        settle.complete(claim)
    assert TaskRow.objects.get().state == State.RUNNING


def test_a_failure_waits_for_a_commit_in_doubt_and_finds_no_row() -> None:
    claim, deleted = running(), threading.Event()

    def commit_slowly() -> None:
        with transaction.atomic():
            settle.complete(claim)
            deleted.set()
            time.sleep(1)
        connection.close()

    thread = threading.Thread(target=commit_slowly)
    thread.start()
    deleted.wait()
    assert not settle.fail(claim, "error", ValueError(), settle.write_fresh)
    assert settle.has_completed(claim, settle.write_fresh)
    thread.join()


def test_what_postgresql_cannot_store_is_spelt_out_in_an_error() -> None:
    claim = running()
    assert settle.fail(claim, "error", ValueError("a\x00b\ud800" * 5000), settle.write_fresh)
    row = TaskRow.objects.get()
    assert row.error.startswith(r"ValueError: a\x00b\ud800")
    assert len(row.error) == error_text.ERROR_CHARACTERS
    assert 0 < len(row.traceback) <= error_text.TRACEBACK_CHARACTERS


class Flaky:
    """Stands for a database that raises these, and answers then."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.execute = list(errors), fresh.execute

    def __call__(self, statement: str, values: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return self.execute(statement, values)


@pytest.mark.parametrize(
    "error", [OperationalError("starts up"), InterfaceError("closed"), SoftTimeLimitExceeded()]
)
def test_an_end_is_written_through_a_short_outage_and_a_late_time_limit(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(fresh, "execute", Flaky(error))
    assert settle.fail(running(), "error", ValueError("told to"), settle.write_fresh)
    assert TaskRow.objects.get().error == "ValueError: told to"


def test_a_database_that_stays_away_leaves_the_row_to_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fresh, "execute", Flaky(*[OperationalError("away")] * 9))
    monkeypatch.setattr(settle, "WRITE_FOR_SECONDS", -1)
    with pytest.raises(OperationalError, match="away"):
        settle.fail(running(), "error", ValueError(), settle.write_fresh)
    assert TaskRow.objects.get().state == State.RUNNING


def end_all_sessions() -> None:
    """Do to everybody's connections what a restart of PostgreSQL does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_connections_lost_between_and_in_tasks_lose_nothing(
    start_relay: Start, start_worker: Start, tmp_path: Path, outside: Path
) -> None:
    start_worker()
    start_relay()
    tasks.write_note.delay("before")
    eventually(all_done)
    end_all_sessions()
    tasks.write_note.delay("between")
    eventually(all_done)
    ends.slow_outside.delay("outside", str(tmp_path / "outside"))
    pid_of(tmp_path / "outside")
    time.sleep(6)  # longer than a connection is trusted without a look
    end_all_sessions()
    (tmp_path / "outside").touch()
    eventually(all_done)
    ends.slow.delay("inside", str(tmp_path / "inside"))
    pid_of(tmp_path / "inside")
    end_all_sessions()
    (tmp_path / "inside").touch()
    eventually(all_done)
    assert notes() == ["before", "between", "outside", "inside"]
    # It went on with a new connection: not even its attempt was lost.
    assert len(outside.read_text().splitlines()) == 1
