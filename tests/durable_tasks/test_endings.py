"""How a run ends where its body, its COMMIT or its process does something unusual."""

import os
import signal

import pytest
from django.db import connection
from durable_shop import tasks
from durable_shop.models import Note

from patterns.durable_tasks.models import TaskRow
from tests.durable_tasks.conftest import Start, all_done, failed, notes
from tests.servers import eventually


@pytest.mark.parametrize("how", ["raise", "no throw", "caught"])
def test_a_retry_undoes_the_attempt_however_the_body_goes_on(
    how: str, start_relay: Start, start_worker: Start
) -> None:
    start_relay()
    worker = start_worker()
    tasks.retry.delay(how)
    eventually(lambda: notes() and all_done())
    assert notes() == ["retried 1"]
    eventually(lambda: "retry: Retry in" in worker.words)  # by its parent, once it hears of it


def test_a_frozen_run_gives_up_its_locks_when_its_lease_ends(
    start_relay: Start, start_worker: Start
) -> None:
    locked = Note.objects.create(text="locked")
    lease = {"DURABLE_TEST_LEASE": "10"}  # longer than a busy machine holds up who is to live
    start_relay(**lease)
    frozen = start_worker(**lease, DURABLE_TEST_SLEEP="30")  # it is frozen by then
    tasks.hold_lock.delay(locked.pk)
    eventually(lambda: "holds the lock" in frozen.words)
    os.killpg(frozen.pid, signal.SIGSTOP)
    try:
        start_worker(**lease, DURABLE_TEST_SLEEP="0")
        eventually(all_done, seconds=90)
    finally:
        os.killpg(frozen.pid, signal.SIGCONT)
    assert notes() == ["locked", "written under the lock"]
    eventually(lambda: "Timeout (" in frozen.words or "taken over" in frozen.words)
    assert notes() == ["locked", "written under the lock"]


def test_an_error_in_the_commit_that_may_pass_is_retried(
    start_relay: Start, start_worker: Start
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FAIL_THE_FIRST_COMMIT)
    try:
        start_relay()
        start_worker()
        tasks.retry_commit.delay("late")
        eventually(lambda: all_done() and notes())
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "DROP TRIGGER late ON durable_shop_note; DROP FUNCTION fail_once();"
                " DROP SEQUENCE commits"
            )
    assert notes() == ["late"]
    assert not TaskRow.objects.exists()


def test_an_error_in_the_commit_that_will_not_pass_is_a_failure_that_says_what_it_was(
    start_relay: Start, start_worker: Start
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE durable_shop_note ADD CONSTRAINT one_of_each UNIQUE (text)"
            " DEFERRABLE INITIALLY DEFERRED"
        )
    try:
        tasks.write("twice")
        start_relay()
        start_worker()
        tasks.write_note.delay("twice")
        row = failed()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE durable_shop_note DROP CONSTRAINT one_of_each")
    assert (row.reason, row.exception, row.retries) == ("error", "IntegrityError", 0)
    assert "one_of_each" in row.error
    assert notes() == ["twice"]


# A deferred trigger runs in the COMMIT; a sequence counts on when its transaction rolls back.
FAIL_THE_FIRST_COMMIT = """
CREATE SEQUENCE commits;
CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('commits') = 1 THEN
        RAISE EXCEPTION 'could not serialize' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON durable_shop_note
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_once();
"""
