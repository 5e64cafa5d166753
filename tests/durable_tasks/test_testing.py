"""The helpers that ship with the pattern: each can fail, and says what is wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Ignore
from django.db import connection, transaction
from durable_shop import tasks
from durable_shop.celery import app as shop
from durable_shop.models import Note

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.testing import (
    assert_enqueued,
    refute_enqueued,
    run_enqueued,
    run_twice,
)
from tests.durable_tasks.conftest import PATHS, notes

# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")

app = DurableCelery(
    "testing", task_cls="patterns.durable_tasks.task:DurableTask", set_as_current=False
)
app.conf.update(broker_url="redis://127.0.0.1:1/0", task_ignore_result=True)


@pytest.fixture(autouse=True)
def in_a_tests_transaction(
    outside: Path, monkeypatch: pytest.MonkeyPatch, database: None
) -> Iterator[None]:
    """As Django's TestCase does it; its own is tried in a process below."""
    monkeypatch.setenv("DURABLE_TEST_OUTSIDE", str(outside))
    block: Any = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def run(*args: Any, **options: Any) -> list[Any]:
    return run_enqueued(*args, app=shop, **options)


def test_assert_enqueued_finds_a_task_by_itself_and_by_name() -> None:
    tasks.write_note.delay("one")
    (row,) = assert_enqueued(tasks.write_note)
    assert_enqueued("shop.write_note", args=("one",), kwargs={}, queue="default", count=1)
    assert row.name == "shop.write_note"


@pytest.mark.parametrize(
    "asked",
    [
        {"args": ["two"]},
        {"kwargs": {"text": "one"}},
        {"queue": "mail"},
        {"count": 2},
        {"count": 0},
    ],
)
def test_assert_enqueued_fails_and_says_what_is_enqueued(asked: dict[str, Any]) -> None:
    tasks.write_note.delay("one")
    with pytest.raises(AssertionError, match=r'shop\.write_note: arguments \[\["one"\], {}\]'):
        assert_enqueued(tasks.write_note, **asked)


def test_assert_enqueued_fails_where_nothing_is() -> None:
    with pytest.raises(AssertionError, match=r"shop\.write_note is not enqueued\. Nothing is"):
        assert_enqueued(tasks.write_note)


def test_refute_enqueued_fails_where_the_task_is_enqueued() -> None:
    tasks.write_note.delay("one")
    refute_enqueued(tasks.contact)
    refute_enqueued(tasks.write_note, args=["two"])
    with pytest.raises(AssertionError, match=r"args=\['one'\] is enqueued"):
        refute_enqueued(tasks.write_note, args=["one"])


def test_a_rolled_back_task_is_not_enqueued() -> None:
    with transaction.atomic():
        tasks.write_note.delay("one")
        transaction.set_rollback(True)
    refute_enqueued(tasks.write_note)


def test_run_enqueued_runs_a_task_and_what_it_enqueues() -> None:
    tasks.contact.delay("one", after="two")
    ran = run()
    assert [(each.name, each.outcome) for each in ran] == [
        ("shop.contact", "completed"),
        ("shop.write_note", "completed"),
    ]
    assert (notes(), TaskRow.objects.count()) == (["one", "two"], 0)


def test_run_enqueued_runs_a_chain_with_its_results() -> None:
    (tasks.write_note.s("one") | tasks.chained.s("two")).apply_async()
    assert [each.result for each in run()] == ["one", "one>two"]


def test_run_enqueued_can_be_narrowed_down() -> None:
    tasks.write_note.delay("one")
    tasks.write_note.apply_async(("two",), queue="other")
    tasks.contact.delay("three")
    run(tasks.write_note, queue="other")
    assert notes() == ["two"]
    run("shop.contact")
    assert notes() == ["two", "three"]


def test_run_enqueued_goes_by_priority() -> None:
    tasks.write_note.apply_async(("later",), priority=5)
    tasks.write_note.apply_async(("sooner",), priority=1)
    run()
    assert notes() == ["sooner", "later"]


def test_a_failure_is_raised_and_leaves_a_failed_row() -> None:
    tasks.write_note.delay("one", then="raise")
    with pytest.raises(ValueError, match="told to"):
        run()
    row = TaskRow.objects.get()
    assert (notes(), row.state, row.reason, row.error) == (
        *([], 4, "error"),
        "ValueError: told to",
    )


def test_a_failure_can_be_returned_instead() -> None:
    tasks.contact.delay("one", then="raise")
    (ran,) = run(raises=False)
    assert (ran.outcome, str(ran.error)) == ("failed", "told to")


@pytest.mark.parametrize("how", ["raise", "no throw", "caught"])
def test_a_retry_waits_unless_what_is_scheduled_is_run_as_well(how: str) -> None:
    tasks.retry.delay(how)
    assert [each.outcome for each in run()] == ["retried"]
    assert TaskRow.objects.get().retries == 1
    assert [each.outcome for each in run(scheduled=True)] == ["completed"]
    assert notes()[-1] == "retried 1"


def test_what_is_due_later_runs_only_where_asked() -> None:
    tasks.write_note.apply_async(("one",), countdown=3600)
    assert run() == []
    run(scheduled=True)
    assert notes() == ["one"]


def test_a_body_that_breaks_the_transaction_leaves_a_failed_row() -> None:
    @app.task(name="testing.broken", shared=False, atomic=False)
    def broken() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    broken.delay()
    (ran,) = run_enqueued(raises=False, app=app)
    assert (ran.outcome, TaskRow.objects.get().state) == ("failed", 4)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_task_that_leaves_it_at_that_has_completed_with_what_it_did(atomic: bool) -> None:
    @app.task(name=f"testing.leaves_{atomic}", shared=False, atomic=atomic)
    def leaves() -> None:
        Note.objects.create(text="kept")
        raise Ignore("nothing more to do")

    leaves.delay()
    (ran,) = run_enqueued(app=app)
    assert (ran.outcome, str(ran.error), notes()) == ("completed", "nothing more to do", ["kept"])
    assert not TaskRow.objects.exists()


def test_an_unknown_task_is_named() -> None:
    shop.send_task("shop.nobody")
    with pytest.raises(AssertionError, match=r"'shop\.nobody': is its module imported"):
        run()


def test_a_task_that_enqueues_itself_for_ever_fails_its_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("patterns.durable_tasks.testing.MOST_RUNS", 5)

    @app.task(name="testing.forever", shared=False)
    def forever() -> None:
        forever.delay()

    forever.delay()
    with pytest.raises(AssertionError, match="a loop"):
        run_enqueued(app=app)


def test_an_expired_task_does_not_run() -> None:
    tasks.write_note.apply_async(("one",), expires=-3600)
    (ran,) = run()
    assert (ran.outcome, notes(), TaskRow.objects.get().reason) == ("not started", [], "expired")


def test_a_task_that_calls_itself_as_a_function_runs_once() -> None:
    @app.task(name="testing.countdown", shared=False)
    def count(number: int) -> int:
        return number and number + int(count(number - 1))

    count.delay(3)
    (ran,) = run_enqueued(app=app)
    assert (ran.outcome, ran.result) == ("completed", 6)


def test_run_twice_returns_the_result_of_an_idempotent_task() -> None:
    @app.task(name="testing.idempotent", shared=False)
    def idempotent(text: str) -> str:
        Note.objects.get_or_create(text=text)
        return text

    assert run_twice(idempotent, "one") == "one"
    assert notes() == ["one"]


def test_run_twice_names_the_table_and_the_rows_that_changed() -> None:
    with pytest.raises(AssertionError) as failure:
        run_twice(tasks.write_note, "twice")
    assert "durable_shop_note (1 rows, then 2)" in str(failure.value)
    assert "twice" in str(failure.value)


def test_run_twice_sees_an_update() -> None:
    Note.objects.create(text="a")

    @app.task(name="testing.growing", shared=False)
    def growing() -> None:
        for note in Note.objects.all():
            note.text += "a"
            note.save()

    with pytest.raises(AssertionError, match=r"(?s)durable_shop_note.*aaa"):
        run_twice(growing)


def test_run_twice_sees_what_is_enqueued_twice() -> None:
    @app.task(name="testing.enqueues", shared=False)
    def enqueues() -> None:
        tasks.write_note.delay("next")

    with pytest.raises(AssertionError, match="durable_tasks_task"):
        run_twice(enqueues)


def test_run_twice_can_leave_tables_out() -> None:
    run_twice(tasks.write_note, "log", ignoring=["durable_shop_note"])


def test_run_twice_raises_what_the_task_raises() -> None:
    with pytest.raises(ValueError, match="told to"):
        run_twice(tasks.write_note, "one", then="raise")
    with pytest.raises(AssertionError, match="retried"):
        run_twice(tasks.retry, "raise")


OF_A_PROJECT = """
import pytest
from django.test import TestCase, TransactionTestCase
from durable_shop import tasks
from durable_shop.celery import app
from durable_shop.models import Note
from patterns.durable_tasks.testing import assert_enqueued, run_enqueued, run_twice

app.set_default()


class InATransaction(TestCase):
    def test_it(self):
        tasks.contact.delay("one", after="two")
        assert_enqueued(tasks.contact, count=1)
        run_enqueued()
        self.assertEqual(Note.objects.count(), 2)

    def test_a_failure(self):
        tasks.contact.delay("one", then="raise")
        with self.assertRaises(ValueError):
            run_enqueued()


class InNone(TransactionTestCase):
    def test_it(self):
        tasks.write_note.delay("one")
        run_enqueued()
        with self.assertRaises(AssertionError):
            run_twice(tasks.write_note, "two")


@pytest.mark.django_db
def test_db():
    tasks.contact.delay("one", after="two")
    assert len(run_enqueued()) == 2
"""


def test_the_helpers_work_in_a_projects_own_tests(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(OF_A_PROJECT)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(PATHS),
        "DURABLE_TEST_DATABASE_HOST": str(connection.settings_dict["HOST"]),
        "DURABLE_TEST_OUTSIDE": str(tmp_path / "outside"),
    }
    command = [sys.executable, "-m", "pytest", "--ds=durable_shop.settings", "-q", "-p"]
    # A folder of its own: pytest closes the common one to other users, PostgreSQL's among them.
    command += ["no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path / "test_project.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
