"""What Celery's signals tell of a plain task's end is one row, or a line in the log."""

from dataclasses import replace
from uuid import uuid4

import pytest
from billiard.einfo import ExceptionWithTraceback
from celery.app.task import Context
from celery.utils.serialization import UnpickleableExceptionWrapper
from durable_shop import plain_ends

from patterns.durable_tasks import plain, plain_errors, plain_rows
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.failures import fail
from tests.durable_tasks.test_plain import ended


class Unreadable:
    """What cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("no words for it")


def test_a_task_that_cannot_be_told_of_is_in_the_log_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert not plain_rows.keep(replace(ended("one"), args=(Unreadable(),)))
    assert "plain.fails[one] is not in the failed set." in caplog.text
    assert not TaskRow.objects.exists()


def test_what_follows_a_task_and_is_no_json_does_not_keep_it_from_the_failed_set() -> None:
    request = Context(callbacks=[Unreadable()], timelimit=(20, None))
    assert plain_rows.keep(replace(ended(uuid4()), request=request))
    row = TaskRow.objects.get()
    assert (row.options, row.arguments) == ("", '[["x"], {}]')


def test_an_error_that_cannot_be_pickled_is_told_by_its_class_and_its_words() -> None:
    """Given what a child hands to the worker's main process in its place."""
    told = UnpickleableExceptionWrapper("shop", "ProviderError", ("away",), text="")
    assert plain_errors.in_words(told, None) == ("ProviderError: ('away',)", "")
    wrapped = ExceptionWithTraceback(LookupError("no such order"), None)
    assert plain_errors.in_words(wrapped, None) == ("LookupError: no such order", "")


def test_an_end_that_two_signals_tell_of_is_one_failure() -> None:
    task_id, error = str(uuid4()), ValueError("told twice")
    told = {"sender": plain_ends.fails, "task_id": task_id, "exception": error, "einfo": None}
    plain.on_failure(**told, args=["x"], kwargs={})
    plain.on_internal_error(**told, args=["x"], kwargs={})
    assert TaskRow.objects.get().failures == 1


def test_an_end_that_could_not_be_written_is_written_as_the_other_signal_tells_it() -> None:
    told = {"sender": plain_ends.fails, "task_id": str(uuid4()), "einfo": None}
    plain.on_failure(**told, exception=ValueError("told"), args=[Unreadable()], kwargs={})
    assert not TaskRow.objects.exists()
    plain.on_internal_error(**told, exception=ValueError("again"), args=["x"], kwargs={})
    assert TaskRow.objects.get().error == "ValueError: again"


def test_a_durable_message_that_expired_or_is_not_the_rows_any_more_changes_nothing() -> None:
    row = fail("x", state=State.PUBLISHED, publication=uuid4())
    before = TaskRow.objects.values().get()
    for token, expired in ((row.publication, True), (uuid4(), False)):
        request = Context(id=str(row.id), durable_publication=str(token), hostname="w@test")
        plain.on_revoked(sender=plain_ends.fails, request=request, expired=expired)
    assert TaskRow.objects.values().get() == before
    assert not Event.objects.filter(kind="cancelled").exists()
