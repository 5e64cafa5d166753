"""What happens to tasks is recorded by the table itself, whatever statement does it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from patterns.durable_tasks import recovery, settle
from patterns.durable_tasks.claim import Claim
from patterns.durable_tasks.models import Event, State, TaskRow


def running(**fields: object) -> tuple[TaskRow, Claim]:
    row = TaskRow(
        **{"name": "n", "queue": "q", "arguments": "[[],{}]", "state": State.RUNNING}
        | {"claim": uuid4(), "worker": "w@host", "leased_until": timezone.now()}
        | fields
    )
    row.save(force_insert=True)
    assert row.claim is not None
    claim = Claim(
        id=row.id, token=row.claim, name="n", queue="q", arguments=row.arguments,
        options="", retries=row.retries, crashes=row.crashes,
    )  # fmt: skip
    return row, claim


def events(row: TaskRow) -> list[tuple[str, str, str]]:
    found = Event.objects.filter(task_id=row.id).order_by("at")
    return [(each.kind, each.at_worker, each.note) for each in found]


def decision(retries: int) -> settle.Retry:
    return settle.Retry(
        delay_seconds=0, due_at=None, retries=retries, arguments=None, shown=None, queue=None,
        rank=None, options=None,
    )  # fmt: skip


def test_a_failure_is_counted_and_recorded_with_its_worker() -> None:
    row, claim = running()
    settle.fail(claim, "error", ValueError("no such order"), settle.write_fresh)
    row.refresh_from_db()
    assert (row.failures, row.exception, row.worker) == (1, "ValueError", "")
    assert events(row) == [("failed", "w@host", "ValueError: no such order")]


def test_the_crash_that_is_one_too_many_is_a_crash_and_a_failure() -> None:
    row, _ = running(crashes=2)
    with connection.cursor() as cursor:
        cursor.execute(recovery.crashed_statement("id = %s"), ["Killed, by 9.", row.id])
    row.refresh_from_db()
    assert (row.failures, row.exception) == (1, "crashes")
    note = "Killed, by 9."
    assert events(row) == [("crashed", "w@host", note), ("failed", "w@host", note)]


def test_each_retry_is_recorded_and_forgotten_when_the_task_succeeds() -> None:
    row, claim = running()
    settle.retry(claim, decision(1), "OSError: away", settle.write_fresh)
    assert events(row) == [("retried", "w@host", "OSError: away")]
    TaskRow.objects.update(state=State.RUNNING, claim=claim.token)
    settle.complete(claim)
    assert events(row) == []


def test_a_task_that_had_failed_leaves_its_history_and_its_success() -> None:
    row, claim = running()
    settle.fail(claim, "error", ValueError("no"), settle.write_fresh)
    TaskRow.objects.update(state=State.RUNNING, claim=claim.token, worker="other@host")
    settle.complete(claim)
    assert events(row) == [("failed", "w@host", "ValueError: no"), ("succeeded", "other@host", "")]


def test_a_failed_row_that_fails_again_is_the_same_with_one_more_failure() -> None:
    row, claim = running()
    for _ in range(2):
        settle.fail(claim, "error", ValueError("no"), settle.write_fresh)
        TaskRow.objects.update(state=State.RUNNING, claim=claim.token)
    row.refresh_from_db()
    assert row.failures == 2
    assert [kind for kind, *_ in events(row)] == ["failed", "failed"]


def test_a_row_that_is_inserted_as_failed_is_recorded() -> None:
    row, _ = running(state=State.FAILED, reason="malformed", failed_at=timezone.now())
    assert events(row) == [("failed", "w@host", "malformed")]
    row.refresh_from_db()
    assert (row.failures, row.exception) == (1, "malformed")


def test_an_insert_that_found_its_row_records_nothing() -> None:
    row, _ = running(state=State.FAILED)
    TaskRow.objects.bulk_create([row], ignore_conflicts=True)
    assert len(events(row)) == 1


def test_a_failure_of_what_had_failed_counts_where_its_time_is_new() -> None:
    row, _ = running(state=State.FAILED, failed_at=timezone.now())
    TaskRow.objects.update(failed_at=timezone.now() + timedelta(seconds=1), error="E: again")
    TaskRow.objects.update(shown="touched")
    row.refresh_from_db()
    assert (row.failures, row.exception) == (2, "E")


@pytest.mark.parametrize("state", [State.SCHEDULED, State.READY, State.PUBLISHED, State.FAILED])
def test_only_a_run_that_is_deleted_has_succeeded(state: State) -> None:
    row, claim = running()
    settle.fail(claim, "error", ValueError("no"), settle.write_fresh)
    TaskRow.objects.update(state=state)
    TaskRow.objects.all().delete()
    assert "succeeded" not in [kind for kind, *_ in events(row)]


def test_who_cancels_a_task_writes_that_event() -> None:
    row, _ = running()
    TaskRow.objects.update(state=State.FAILED, reason="cancelled", failed_at=timezone.now())
    row.refresh_from_db()
    assert (row.failures, events(row)) == (1, [])


def test_a_failure_that_rolls_back_is_not_recorded() -> None:
    row, _ = running()
    with transaction.atomic():
        TaskRow.objects.update(state=State.FAILED, failed_at=timezone.now())
        transaction.set_rollback(True)
    assert events(row) == []


@pytest.mark.parametrize(
    ("error", "reason", "exception"),
    [
        ("ValueError: no: such", "error", "ValueError"),
        ("ValueError: ", "error", "ValueError"),
        ("Unprintable", "error", "Unprintable"),
        ("It expired at 10:00: late", "expired", "expired"),
        ("", "unknown", "unknown"),
        ("Überlauf: ß", "error", "Überlauf"),
        ("E" * 900 + ": long", "error", "E" * 100),
        ("E:\nline: two", "error", "error"),
        ("", "", ""),
    ],
)
def test_equal_failures_have_the_same_exception(error: str, reason: str, exception: str) -> None:
    row, _ = running(error=error, reason=reason)
    row.refresh_from_db()
    assert row.exception == exception


def test_the_longest_names_can_fail() -> None:
    row, claim = running(name="\U0001f600" * 500)
    settle.fail(claim, "error", type("\U00020000" * 300, (Exception,), {})("x"), settle.write_fresh)
    row.refresh_from_db()
    assert row.state == State.FAILED
