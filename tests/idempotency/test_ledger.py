"""An effect is done once for its key: by one run at a time, and never after its result is known."""

import threading
import unittest
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.test import TestCase

from patterns.idempotency import ledger, taking
from patterns.idempotency.errors import (
    EffectInProgress,
    EffectNotRecorded,
    KeyTooOld,
    LeaseLost,
    LedgerError,
    NoTransactionOpen,
    ResultDiffers,
    TransactionOpen,
)
from patterns.idempotency.models import Effect
from tests.servers import eventually

InThread = Callable[..., threading.Thread]
KEY = "order-1"


def effect(key: str = KEY, **options: Any) -> Any:
    return ledger.effect(key, **{"keeps_key_hours": 24, "lease_seconds": 60, **options})


def do(result: Any = "ch_1") -> Any:
    """Do the effect and record it, as a task does; return what it came to."""
    with effect() as held:
        if not held.is_recorded:
            with transaction.atomic():
                held.record(result)
        return held.result


def ending_in(error: type[Exception], match: str | None = None) -> Any:
    """Expect an error to come out of an effect, whose body is inside."""
    return pytest.raises(error, match=match)


def age(**by: float) -> None:
    Effect.objects.update(first_tried_at=F("first_tried_at") - timedelta(**by))


def end_lease() -> None:
    Effect.objects.update(leased_until=F("leased_until") - timedelta(days=1))


@pytest.mark.parametrize(
    "result", ["ch_1", {"id": "ch_1"}, None, 0, "", [], "\0 \ud800 é", float("inf")]
)
def test_the_second_run_is_given_the_result_of_the_first(result: Any) -> None:
    assert do(result) == result
    with effect() as again:
        assert again.is_recorded
        assert again.result == result


def test_a_key_is_known_to_the_database_before_the_far_side_is_asked() -> None:
    with ending_in(ZeroDivisionError), effect():
        assert not connection.in_atomic_block
        row = Effect.objects.get()
        assert (row.key, row.attempts, row.result) == (KEY, 1, None)
        assert row.lease is not None
        raise ZeroDivisionError


def test_the_record_commits_with_the_callers_own_changes(in_thread: InThread) -> None:
    with effect() as held:
        with transaction.atomic():
            held.record("ch_1")
            seen: list[str | None] = []
            in_thread(lambda: seen.append(Effect.objects.get().result)).join()
            assert seen == [None]
        assert Effect.objects.get().result == '"ch_1"'


def test_a_record_that_rolls_back_leaves_the_effect_to_the_next_attempt() -> None:
    with ending_in(ZeroDivisionError), effect() as held, transaction.atomic():
        held.record("ch_1")
        raise ZeroDivisionError
    with pytest.raises(EffectNotRecorded), effect() as held:
        assert not held.is_recorded


def test_a_transaction_that_rolled_back_can_be_tried_again_in_the_same_attempt() -> None:
    with effect() as held:
        with transaction.atomic():
            held.record("first")
            transaction.set_rollback(True)
        with transaction.atomic():
            held.record("second")
    assert Effect.objects.get().result == '"second"'


def test_a_record_in_a_savepoint_that_is_rolled_back_is_an_error() -> None:
    with ending_in(EffectNotRecorded), effect() as held, transaction.atomic():
        with transaction.atomic():
            held.record("ch_1")
            transaction.set_rollback(True)
        Effect.objects.create(key="own change", first_tried_at="2026-01-01T00:00Z")


def test_an_effect_that_ends_without_a_record_is_an_error_and_gives_the_lease_back() -> None:
    with pytest.raises(EffectNotRecorded, match=r"order-1.*effect\.record\(result\)"), effect():
        pass
    assert Effect.objects.get().lease is None


def test_a_record_that_was_rolled_back_unseen_is_an_error() -> None:
    with ending_in(EffectNotRecorded), effect() as held, transaction.atomic():
        held.record("ch_1")
        transaction.set_rollback(True)


def test_a_record_that_was_rolled_back_before_the_lease_was_taken_over_is_an_error() -> None:
    with ending_in(LeaseLost, match="taken over"), effect() as held:
        with suppress(ZeroDivisionError), transaction.atomic():
            held.record("ch_1")
            raise ZeroDivisionError
        taken = uuid4()
        Effect.objects.update(lease=taken)
    row = Effect.objects.get()
    assert (row.lease, row.recorded_at) == (taken, None)


def test_a_body_that_lost_its_lease_and_forgot_the_record_is_an_error_too() -> None:
    with ending_in(EffectNotRecorded), effect():
        end_lease()
        assert do("of the other") == "of the other"


def test_an_error_gives_the_lease_back_so_that_a_retry_need_not_wait() -> None:
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    assert do() == "ch_1"
    assert Effect.objects.get().attempts == 2


def test_a_begun_transaction_is_refused_with_the_remedy() -> None:
    with (
        transaction.atomic(),
        pytest.raises(TransactionOpen, match=r"'order-1'.*set atomic=False on the task"),
        effect(),
    ):
        pytest.fail("the body ran in a transaction")
    assert not Effect.objects.exists()


def test_a_connection_without_autocommit_is_refused_as_well() -> None:
    transaction.set_autocommit(False)
    try:
        with pytest.raises(TransactionOpen), effect():
            pytest.fail("the body ran in a transaction")
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_a_record_outside_a_transaction_is_refused_with_the_remedy() -> None:
    with pytest.raises(NoTransactionOpen, match=r"task\.completing\(\)"), effect() as held:
        held.record("ch_1")
    assert Effect.objects.get().result is None


def test_a_second_run_is_refused_while_the_first_has_its_lease(in_thread: InThread) -> None:
    refused: list[EffectInProgress] = []

    def second() -> None:
        try:
            do("of the other")
        except EffectInProgress as error:
            refused.append(error)

    with effect(lease_seconds=40) as held:
        in_thread(second).join()
        with transaction.atomic():
            held.record("ch_1")
    [error] = refused
    assert error.is_permanent is False
    assert 30 < error.retry_after_seconds <= 40
    assert do("of the other") == "ch_1"


def test_of_many_runs_at_the_same_moment_one_is_let_through(in_thread: InThread) -> None:
    start, begun, asked = threading.Barrier(8), threading.Semaphore(0), []
    refused = []

    def run(number: int) -> None:
        start.wait(30)
        try:
            with effect() as held:
                asked.append(number)
                for _ in range(7):
                    assert begun.acquire(timeout=30)
                with transaction.atomic():
                    held.record(number)
        except EffectInProgress:
            refused.append(number)
            begun.release()

    for thread in [in_thread(run, number) for number in range(8)]:
        thread.join(30)
    assert (len(asked), len(refused)) == (1, 7)
    assert do() == asked[0]


def test_two_keys_do_not_know_each_other() -> None:
    with effect("order-1") as one, effect("order-2") as other, transaction.atomic():
        one.record(1)
        other.record(2)
    assert [row.result for row in Effect.objects.order_by("key")] == ["1", "2"]


def test_a_run_that_outlasts_its_lease_is_taken_over_and_cannot_record() -> None:
    with (
        ending_in(LeaseLost, match="taken over by another run") as lost,
        effect() as frozen,
    ):
        end_lease()
        with effect() as other, transaction.atomic():
            other.record("of the other")
        with transaction.atomic():
            Effect.objects.create(key="own change", first_tried_at="2026-01-01T00:00Z")
            frozen.record("late")
    assert lost.value.is_permanent is False
    assert Effect.objects.get().result == '"of the other"'


def test_a_late_run_cannot_record_while_the_one_that_took_over_still_asks() -> None:
    frozen = taking.take(KEY, keeps_key_hours=24, lease_seconds=60, holder="")
    end_lease()
    with effect() as other:
        with pytest.raises(LeaseLost), transaction.atomic():
            frozen.record("late")
        with transaction.atomic():
            other.record("of the other")
    assert Effect.objects.get().result == '"of the other"'


def test_a_run_that_lost_its_lease_does_not_end_the_lease_of_the_other() -> None:
    with ending_in(ZeroDivisionError), effect():
        end_lease()
        with ending_in(LeaseLost), effect() as other:
            assert Effect.objects.get().lease == other.token
            raise LeaseLost
        Effect.objects.update(lease=other.token, leased_until="2099-01-01T00:00Z")
        raise ZeroDivisionError
    assert Effect.objects.get().lease == other.token


def test_a_run_over_its_lease_that_nobody_took_may_still_record() -> None:
    with effect() as held:
        end_lease()
        with transaction.atomic():
            held.record("ch_1")
    assert Effect.objects.get().result == '"ch_1"'


def test_the_lease_ends_by_the_clock_of_the_database() -> None:
    with ending_in(ZeroDivisionError), effect(lease_seconds=0.2):
        with pytest.raises(EffectInProgress), effect():
            pytest.fail("two runs at once")
        eventually(lambda: seconds_left() <= 0)
        with effect() as other, transaction.atomic():
            other.record("ch_1")
        raise ZeroDivisionError


def seconds_left() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM leased_until - clock_timestamp()) FROM idempotency_effect"
        )
        return float(cursor.fetchone()[0])


def test_the_next_run_of_the_same_task_need_not_wait_for_the_lease_of_a_dead_one() -> None:
    with ending_in(LeaseLost), effect(holder="task-1") as dead:
        with pytest.raises(EffectInProgress), effect(holder="task-2"):
            pytest.fail("another task took over")
        with effect(holder="task-1") as alive, transaction.atomic():
            alive.record("ch_1")
        with transaction.atomic():
            dead.record("late")
    assert Effect.objects.get().result == '"ch_1"'


def test_runs_without_a_holder_are_not_the_same_task() -> None:
    with pytest.raises(EffectInProgress), effect(holder=""), effect(holder=""):
        pytest.fail("two runs at once")


def test_a_key_older_than_the_far_sides_memory_is_left_to_a_person() -> None:
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    age(hours=23.9)
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    age(hours=0.1)
    with (
        pytest.raises(
            KeyTooOld, match=r"first tried 24\.0 h ago.*could do it twice.*settle"
        ) as old,
        effect(),
    ):
        pytest.fail("it was tried again")
    assert old.value.is_permanent is True


class NothingDone(Exception):
    nothing_was_done = True


def test_a_key_does_not_grow_old_by_attempts_that_did_nothing() -> None:
    for _ in range(3):
        with pytest.raises(NothingDone), effect():
            raise NothingDone
        assert not Effect.objects.exists()
    assert do() == "ch_1"


def test_an_attempt_that_did_nothing_leaves_the_age_of_one_that_may_have_done_it() -> None:
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    age(hours=23)
    with pytest.raises(NothingDone), effect():
        raise NothingDone
    row = Effect.objects.get()
    assert (row.attempts, row.lease) == (1, None)
    age(hours=1)
    with pytest.raises(KeyTooOld), effect():
        pytest.fail("it was tried again")


def test_a_result_that_was_recorded_and_rolled_back_is_no_nothing() -> None:
    with ending_in(NothingDone), effect() as held, transaction.atomic():
        held.record("ch_1")
        raise NothingDone
    assert Effect.objects.get().attempts == 1


def test_a_late_run_that_did_nothing_takes_nothing_from_the_one_that_took_over() -> None:
    with ending_in(NothingDone), effect():
        end_lease()
        with pytest.raises(ZeroDivisionError), effect():
            raise ZeroDivisionError
        raise NothingDone
    assert Effect.objects.get().attempts == 2


def test_an_attempt_that_could_end_after_the_far_sides_memory_does_not_begin() -> None:
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    age(hours=23.5)
    with pytest.raises(KeyTooOld), effect(lease_seconds=3600):
        pytest.fail("it was tried again")


def test_the_age_counts_from_the_first_attempt_not_from_the_last() -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), effect():
            raise ZeroDivisionError
        age(hours=9)
    with pytest.raises(KeyTooOld), effect():
        pytest.fail("it was tried again")


def test_a_result_is_given_however_old_its_key_is() -> None:
    do()
    age(days=300)
    assert do("another") == "ch_1"


def test_the_same_result_may_be_recorded_again_and_another_may_not() -> None:
    do({"a": 1, "b": 2})
    with effect() as held, transaction.atomic():
        held.record({"b": 2, "a": 1})
    with pytest.raises(ResultDiffers, match="a key of its own"), effect() as held:
        held.record({"a": 2})


def test_a_result_that_json_cannot_say_is_refused_before_anything_is_written() -> None:
    with pytest.raises(TypeError), effect() as held, transaction.atomic():
        held.record(object())
    assert Effect.objects.get().result is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "é", "a\0b"])
def test_a_key_that_cannot_travel_as_a_header_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"), effect(key):
        pytest.fail("it was begun")


@pytest.mark.parametrize("seconds", [0, -1, 24 * 3600])
def test_a_lease_that_makes_no_sense_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="lease_seconds"), effect(lease_seconds=seconds):
        pytest.fail("it was begun")


def test_whoever_waits_for_a_frozen_record_gives_up_and_is_told_to_retry(
    in_thread: InThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "LOCK_WAIT_SECONDS", 1)
    refused: list[LedgerError] = []

    def second() -> None:
        try:
            do()
        except LedgerError as error:
            refused.append(error)

    with effect() as held, transaction.atomic():
        held.record("ch_1")
        in_thread(second).join(30)
        assert [type(error) for error in refused] == [EffectInProgress]


def test_another_error_of_the_database_is_not_taken_for_a_run_in_progress(
    in_thread: InThread,
) -> None:
    raised: list[Exception] = []

    def second() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '200ms'")
        try:
            do()
        except Exception as error:
            raised.append(error)

    with effect() as held, transaction.atomic():
        held.record("ch_1")
        in_thread(second).join(30)
    assert [type(error) for error in raised] == [OperationalError]


def test_a_connection_that_broke_in_the_body_still_gives_the_lease_back(
    in_thread: InThread,
) -> None:
    with ending_in(OperationalError), effect():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        in_thread(end_backend, pid).join(30)
        Effect.objects.count()
    assert Effect.objects.get().lease is None


def end_backend(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_lease_that_cannot_be_given_back_hides_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Any, *statements: str) -> bool:
        raise OperationalError("the database is away")

    monkeypatch.setattr("patterns.idempotency.attempt.Attempt._run_first", broken)
    with pytest.raises(ZeroDivisionError), effect():
        raise ZeroDivisionError
    assert "lasts until its end" in caplog.text
    with pytest.raises(EffectInProgress), effect():
        pytest.fail("it was begun")


def test_the_ledger_works_inside_djangos_test_case() -> None:
    class OfAProject(TestCase):
        """A project's own tests run in a transaction that is Django's, not theirs."""

        def runTest(self) -> None:
            assert do() == "ch_1"
            assert do("another") == "ch_1"
            with pytest.raises(ZeroDivisionError), effect("order-2"):
                raise ZeroDivisionError
            assert Effect.objects.get(key="order-2").lease is None

    outcome = unittest.TestResult()
    unittest.TestSuite([OfAProject()]).run(outcome)
    assert (outcome.testsRun, outcome.errors, outcome.failures) == (1, [], [])
