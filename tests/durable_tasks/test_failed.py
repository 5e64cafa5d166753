"""Failed tasks are replayed once, and leave the set when they succeed, not before."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import Celery, Task
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from durable_shop import tasks
from durable_shop.celery import app
from kombu import Queue

from patterns.durable_tasks import failed, fresh, obstacles, recovery, walking
from patterns.durable_tasks.failed import Outcome, Selection
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks import conftest
from tests.durable_tasks.conftest import Start, all_done, notes
from tests.durable_tasks.failures import fail, fail_many, history, states
from tests.servers import eventually

EVERYTHING = Selection()


@pytest.fixture(autouse=True)
def shop_is_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the shop's own processes; this one's current app is another test's."""
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)


def replay(selection: Selection = EVERYTHING, **options: Any) -> Outcome:
    return failed.replay(selection, by="pat", **options)


def discard(selection: Selection = EVERYTHING, **options: Any) -> Outcome:
    return failed.discard(selection, by="pat", **options)


def in_thread(run: Any) -> threading.Thread:
    def begin() -> None:
        run()
        connection.close()

    thread = threading.Thread(target=begin)
    thread.start()
    return thread


# What a replay does to a row


def test_a_replayed_row_waits_with_its_id_and_arguments_and_new_budgets() -> None:
    row = fail("one", expires_at=timezone.now(), unknown_since=timezone.now(), unique_key="key")
    assert replay() == Outcome(done=1)
    again = TaskRow.objects.get()
    assert (again.pk, again.state, again.arguments) == (row.pk, State.READY, row.arguments)
    assert (again.retries, again.crashes, again.reason) == (0, 0, "")
    assert (again.expires_at, again.unknown_since, again.unique_key) == (None, None, None)
    assert again.due_at <= failed.now()


def test_its_history_and_its_first_failure_stay() -> None:
    row = fail("one")
    replay()
    again = TaskRow.objects.get()
    assert (again.first_failed_at, again.failures) == (row.first_failed_at, 1)
    assert history(row.pk) == [("failed", ""), ("replayed", "pat")]


def test_replayed_twice_it_waits_once() -> None:
    row = fail("one")
    assert replay().done == 1
    assert replay().done == 0
    assert history(row.pk) == [("failed", ""), ("replayed", "pat")]


def test_a_caller_that_rolls_back_has_replayed_nothing() -> None:
    row = fail("one")
    with transaction.atomic():
        assert replay().done == 1
        transaction.set_rollback(True)
    assert states() == {4: 1}
    assert history(row.pk) == [("failed", "")]


def test_the_relay_is_woken() -> None:
    fail("one")
    with connection.cursor() as cursor:
        cursor.execute("LISTEN durable_tasks")
    replay()
    heard = list(connection.connection.notifies(timeout=10, stop_after=1))
    assert [each.channel for each in heard] == ["durable_tasks"]


def test_who_asks_may_have_any_name() -> None:
    row = fail("one")
    failed.replay(EVERYTHING, by="p\0at\ud800" + "x" * 10_000)
    name = history(row.pk)[1][1]
    assert name.startswith(r"p\x00at\ud800")
    assert len(name) == 200


# A replay of many


def test_ten_thousand_are_replayed_in_seconds_with_progress() -> None:
    fail_many(10_000)
    told: list[int] = []
    begun = time.monotonic()
    assert replay(progress=told.append) == Outcome(done=10_000)
    assert time.monotonic() - begun < 60  # two seconds on an idle machine
    assert told == [1000 * n for n in range(1, 11)]
    assert states() == {1: 10_000}
    assert Event.objects.filter(kind="replayed").count() == 10_000


def test_a_walk_stops_when_its_time_is_up_and_goes_on_from_there() -> None:
    fail_many(2500)
    fail("unreadable", arguments="")
    first = replay(seconds=0)
    assert (first.done, states()) == (1000, {1: 1000, 4: 1501})
    assert first.next is not None
    second = replay(seconds=0, after=first.next)
    assert second.next is not None
    last = replay(after=second.next)
    assert (last.done, last.left, last.next) == (500, {obstacles.NO_ARGUMENTS: 1}, None)


TOO_EARLY = f"2026-01-01|0001-01-01T00:00:00+23:59|{UUID(int=0)}"


@pytest.mark.parametrize(
    "after", ["", "x", "a|b|c", "2026-01-01|2026-01-01|x", "1|2|3|4", TOO_EARLY]
)
def test_a_position_that_was_not_given_out_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        replay(after=after)


def test_what_fails_again_meanwhile_is_not_replayed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "AT_ONCE", 2)
    rows = [fail(n) for n in range(5)]

    def fail_again(done: int) -> None:
        TaskRow.objects.filter(state=1).update(state=4, failed_at=failed.now())

    assert replay(progress=fail_again).done == 5
    replayed = [kind for row in rows for kind, _ in history(row.pk) if kind == "replayed"]
    assert len(replayed) == 5


def test_what_fails_between_two_calls_of_one_walk_is_left_for_the_next() -> None:
    fail_many(1000)
    first = replay(seconds=0)
    assert first.next is not None
    fail("late")
    assert replay(after=first.next).done == 0
    assert replay().done == 1


def test_rows_of_one_moment_are_all_walked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "AT_ONCE", 3)
    fail_many(10)
    TaskRow.objects.update(failed_at=timezone.now() - timedelta(hours=1))
    assert replay().done == 10


def test_two_at_once_replay_each_row_once() -> None:
    fail_many(3000)
    outcomes: list[Outcome] = []
    threads = [in_thread(lambda: outcomes.append(replay())) for _ in range(3)]
    for thread in threads:
        thread.join()
    assert sum(each.done for each in outcomes) == 3000
    assert Event.objects.filter(kind="replayed").count() == 3000
    assert states() == {1: 3000}


def test_a_replay_and_a_discard_at_once_do_one_thing_to_each_row() -> None:
    fail_many(3000)
    outcomes: list[Outcome] = []
    both = [
        in_thread(lambda: outcomes.append(replay())),
        in_thread(lambda: outcomes.append(discard())),
    ]
    for thread in both:
        thread.join()
    assert sum(each.done for each in outcomes) == 3000
    assert Event.objects.filter(kind__in=("replayed", "discarded")).count() == 3000


def test_a_row_that_somebody_holds_stops_nobody() -> None:
    held = fail("held")
    fail("free")
    is_held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            TaskRow.objects.select_for_update().get(pk=held.pk)
            is_held.set()
            go_on.wait(30)

    thread = in_thread(hold)
    assert is_held.wait(30)
    try:
        assert replay().done == 1
    finally:
        go_on.set()
        thread.join()
    assert TaskRow.objects.get(state=4).pk == held.pk


# What cannot be replayed


def test_what_cannot_be_replayed_stays_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    fail("good")
    rows = {
        obstacles.NO_ARGUMENTS: fail("x", arguments="", name="", reason="malformed"),
        obstacles.NO_ARGUMENTS_OF_PLAIN: fail("x", arguments="", plain=True),
        obstacles.NO_NAME: fail("x", name=""),
        obstacles.NOT_DURABLE: fail("x", name="stock", plain=True),
    }
    monkeypatch.setattr(obstacles, "_tasks", lambda app: {**app.tasks, "stock": Task()})
    assert failed.foreseen(EVERYTHING) == dict.fromkeys(rows, 1)
    assert failed.obstacles(TaskRow.objects.all()) == {row.pk: why for why, row in rows.items()}
    assert replay() == Outcome(done=1, left=dict.fromkeys(rows, 1))
    assert states() == {1: 1, 4: 4}


def test_a_task_of_a_queue_that_nothing_declares_stays_failed_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [fail("one", queue="nowhere"), fail("two", queue="default")]
    queues = [Queue("default")]
    strict = Celery("strict", set_as_current=False, loader="default")
    strict.conf.update(task_create_missing_queues=False, task_queues=queues)
    # Else it is given the shared tasks of whatever this process has imported by now.
    strict.finalized = True
    monkeypatch.setattr(obstacles, "app_of", lambda queue: strict)
    assert failed.obstacles(rows) == {rows[0].pk: obstacles.NO_QUEUE}
    assert failed.foreseen(EVERYTHING) == {obstacles.NO_QUEUE: 1}
    assert replay() == Outcome(done=1, left={obstacles.NO_QUEUE: 1})
    assert states() == {1: 1, 4: 1}


def test_a_task_that_this_process_does_not_know_is_left_to_its_workers() -> None:
    fail("x", name="elsewhere.task")
    assert replay().done == 1


def test_a_plain_task_that_this_process_does_not_know_stays_failed_and_says_what_to_do() -> None:
    row = fail("x", name="elsewhere.task", plain=True)
    done = replay()
    assert done.done == 0
    (why,) = done.left
    assert "DURABLE_TASKS_OTHER_APPS" in why
    assert failed.obstacles([row]) == {row.id: why}


def test_a_plain_task_that_this_process_knows_is_replayed() -> None:
    fail("x", name="shop.plain", plain=True)
    assert replay().done == 1


def test_a_replayed_task_whose_process_is_lost_keeps_when_it_failed_and_no_older_traceback() -> (
    None
):
    row = fail("x", traceback="of an older failure")
    replay()
    TaskRow.objects.update(state=State.RUNNING, claim=uuid4())
    statement = recovery.crashed_statement("id = %s")
    assert fresh.execute(statement, ["Its process was lost.", row.id])
    after = TaskRow.objects.get()
    assert (after.state, after.crashes, after.traceback) == (State.READY, 1, "")
    assert after.failed_at == row.failed_at


def test_a_replay_drops_the_message_that_was_not_understood() -> None:
    fail("x", message=b"what came")
    replay()
    assert TaskRow.objects.get().message is None


def test_only_failed_tasks_can_be_replayed() -> None:
    with pytest.raises(ValueError, match="cancel the others"):
        replay(Selection(states=(State.RUNNING, State.FAILED)))


# A task's own records


def test_the_hook_sees_all_rows_of_a_task_in_their_transaction() -> None:
    for text in ("a", "b"):
        fail(text, name="shop.hooked")
    fail("other")
    assert replay().done == 3
    assert sorted(notes()) == ["replayed a", "replayed b"]


def test_what_a_hook_wrote_is_undone_with_the_replay() -> None:
    fail("a", name="shop.hooked")
    with transaction.atomic():
        replay()
        assert notes() == ["replayed a"]
        transaction.set_rollback(True)
    assert notes() == []


def test_what_a_hook_refuses_stays_failed_and_the_others_are_replayed() -> None:
    bad = fail("bad", name="shop.hooked")
    for text in ("a", "b"):
        fail(text, name="shop.hooked")
    outcome = replay()
    why = "shop.hooked.on_replay() raised LookupError: a bad one"
    assert outcome == Outcome(done=2, left={why: 1})
    assert sorted(notes()) == ["replayed a", "replayed b"]
    assert TaskRow.objects.get(state=4).pk == bad.pk


def test_arguments_that_no_hook_could_read_stay() -> None:
    fail("x", name="shop.hooked", arguments="{")
    assert replay() == Outcome(left={obstacles.NO_ARGUMENTS: 1})


# Discarding


def test_a_database_that_goes_away_in_a_hook_is_not_the_fault_of_the_rows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def end_session(task: Task, each: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    app.task(name="failed.ends", on_replay=end_session, shared=False)(tasks.write)
    fail("x", name="failed.ends")
    with pytest.raises(OperationalError):
        replay()
    connection.close()
    app.tasks.unregister("failed.ends")
    assert states() == {4: 1}
    assert "refuses" not in caplog.text


def test_a_discarded_row_is_history() -> None:
    row = fail("one", unique_key="beat:entry", name="shop.hooked")
    assert discard() == Outcome(done=1)
    kept = TaskRow.objects.get()
    assert (kept.state, kept.unique_key, kept.arguments) == (5, None, row.arguments)
    assert kept.discarded_at is not None
    assert history(row.pk) == [("failed", ""), ("discarded", "pat")]
    assert notes() == ["discarded one"]
    assert replay().done == 0


def test_what_cannot_be_replayed_can_be_discarded() -> None:
    fail("x", arguments="", name="")
    assert discard() == Outcome(done=1)
    assert failed.groups(EVERYTHING) == []


# Who is meant


def test_a_selection_means_what_it_says() -> None:
    long_ago = timezone.now() - timedelta(days=2)
    rows = {
        "name": fail("a", name="other.task"),
        "queue": fail("b", queue="mail"),
        "exception": fail("c", error="KeyError: 'x'"),
        "reason": fail("d", reason="crashes", error=""),
        "until": fail("e", failed_at=long_ago),
        "text": fail("f", error="ValueError: 100%_of\\it"),
        "blank": fail("g", name="", error="", reason="malformed"),
    }
    selections = {
        "name": Selection(name="other.task"),
        "queue": Selection(queue="mail"),
        "exception": Selection(exception="KeyError"),
        "reason": Selection(reason="crashes"),
        "until": Selection(until=long_ago),
        "text": Selection(text="100%_OF\\i"),
        "blank": Selection(name=""),
    }
    for what, selection in selections.items():
        assert [row.pk for row in failed.rows(selection, 10)] == [rows[what].pk], what
        assert failed.count(selection) == 1
    ids = [rows["name"].pk, rows["queue"].pk, uuid4()]
    assert failed.count(Selection(ids=ids)) == 2
    assert failed.count(Selection(ids=[])) == 0
    assert failed.count(Selection(since=long_ago)) == 7
    assert failed.count(EVERYTHING, limit=3) == 3
    assert failed.count(Selection(text="('f',)")) == 1  # redacted arguments
    assert replay(selections["name"]).done == 1


@pytest.mark.parametrize("text", ["Müller", 'said "no"', "C:\\new", "日本"])
def test_arguments_are_found_as_people_write_them(text: str) -> None:
    tasks.write_note.delay({"note": f"from {text} today"})
    tasks.write_note.delay("another")
    (row,) = failed.rows(Selection(states=(State.READY,), text=repr(text)[1:-1]), 9)
    assert "today" in row.shown


@pytest.mark.parametrize("text", ["\0", "\ud800", "%", "x" * 100_000, "'; DROP TABLE x; --"])
def test_a_filter_may_hold_anything(text: str) -> None:
    fail("one")
    for field in ("name", "queue", "exception", "reason", "text"):
        assert failed.count(Selection(**{field: text})) in (0, 1)


def test_equal_failures_are_a_group_the_newest_first() -> None:
    for n in range(3):
        fail(n)
    fail("x", name="other.task", error="KeyError: 'x'")
    groups = failed.groups(EVERYTHING)
    assert [(g.name, g.exception, g.count) for g in groups] == [
        ("other.task", "KeyError", 1),
        ("shop.write_note", "ValueError", 3),
    ]
    assert groups[1].first < groups[1].newest < groups[0].newest


def test_failed_tasks_are_an_alarm_until_they_are_replayed() -> None:
    assert failed.alarms() == []
    fail("one")
    fail("two")
    (line,) = failed.alarms()
    assert line.startswith("2 tasks shop.write_note failed (ValueError), last at 20")
    replay()
    assert failed.alarms() == []


def test_a_name_in_an_alarm_breaks_no_line() -> None:
    fail("x", name="a\nBcc: everybody\x1b" + "x" * 1000)
    (line,) = failed.alarms()
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) <= 500


def test_failed_calls_are_replayed_by_their_arguments() -> None:
    row = fail("one")
    fail("two")
    found = failed.replay_failed_of("shop.write_note", [row.arguments, "[]"], by="pat")
    assert found == [row.arguments]
    assert states() == {1: 1, 4: 1}
    assert failed.replay_failed_of("shop.write_note", [row.arguments], by="pat") == []


# With real workers


def test_a_row_without_shown_arguments_is_replayed_too(
    start_relay: Start, start_worker: Start
) -> None:
    fail("one", shown="")
    start_relay()
    start_worker()
    replay()
    eventually(all_done)
    assert notes() == ["one"]


def test_a_replayed_task_succeeds_and_leaves_the_set_but_for_its_history(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    start_relay()
    start_worker()
    repaired = tmp_path / "repaired"
    id = UUID(str(tasks.needs.delay("one", str(repaired)).id))
    first = conftest.failed()
    assert (first.pk, notes()) == (id, [])
    replay()
    again = eventually(lambda: TaskRow.objects.filter(state=4, failures=2).first())
    assert (again.pk, again.first_failed_at) == (id, first.first_failed_at)
    assert again.failed_at > first.failed_at
    repaired.touch()
    replay()
    eventually(all_done)
    assert notes() == ["one"]
    kinds = [kind for kind, _ in history(id)]
    assert kinds == ["failed", "replayed", "failed", "replayed", "succeeded"]


def test_replayed_by_many_at_once_each_task_runs_once(
    start_relay: Start, start_worker: Start, start: Start
) -> None:
    fail_many(300)
    start_relay()
    start_worker("-c", "2")
    commands = [
        start("-m", "durable_shop.manage", "failed", "replay", "--all", "--json") for _ in range(3)
    ]
    threads = [in_thread(replay) for _ in range(3)]
    for each in commands:
        assert each.process.wait(60) == 0, each.words
    for thread in threads:
        thread.join()
    eventually(all_done)
    assert sorted(notes(), key=int) == [str(n) for n in range(1, 301)]
    assert Event.objects.filter(kind="replayed").count() == 300
    assert Event.objects.filter(kind="succeeded").count() == 300


def test_a_plain_task_is_replayed_through_its_row_and_as_plain_as_ever(
    start_relay: Start, start_worker: Start, tmp_path: Path
) -> None:
    row = fail("one", str(tmp_path / "repaired"), name="shop.plain_needs", plain=True)
    start_relay()
    start_worker()
    replay()
    eventually(lambda: TaskRow.objects.filter(state=4, failures=2).exists())
    assert notes() == ["one"]  # in no transaction: what it wrote before it failed stays
    (tmp_path / "repaired").touch()
    replay()
    eventually(all_done)
    assert notes() == ["one", "one"]
    assert [kind for kind, _ in history(row.pk)][-1] == "succeeded"


def test_an_expired_task_runs_when_it_is_replayed(start_relay: Start, start_worker: Start) -> None:
    tasks.write_note.apply_async(["late"], expires=0.01)
    start_relay()
    assert conftest.failed().reason == "expired"
    start_worker()
    replay()
    eventually(all_done)
    assert notes() == ["late"]
