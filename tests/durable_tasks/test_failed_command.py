"""`manage.py failed` and `manage.py tasks`: what they show, what they do, how they end."""

import contextlib
import io
import json
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone
from durable_shop import tasks
from durable_shop.celery import app

from patterns.durable_tasks import failed, fresh, obstacles, selection
from patterns.durable_tasks.management import changing, choosing
from patterns.durable_tasks.models import Event, State, TaskRow
from tests.durable_tasks.conftest import Start
from tests.durable_tasks.failures import fail, fail_many, history, states
from tests.durable_tasks.test_locks import hanging
from tests.servers import eventually


@pytest.fixture(autouse=True)
def shop_is_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)


def run(*command: str) -> str:
    """Run a command in here; return what it wrote for its caller."""
    output = io.StringIO()
    call_command(*command, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def read(*command: str) -> Any:
    return json.loads(run(*command, "--json"))


# Seeing


def test_the_list_shows_the_newest_first_and_how_many_there_are() -> None:
    for n in range(3):
        fail(n)
    output, errors = io.StringIO(), io.StringIO()
    call_command("failed", "list", "--limit", "2", stdout=output, stderr=errors)
    lines = output.getvalue().splitlines()
    zone = f"({timezone.get_current_timezone_name()})"
    assert lines[0].split() == ["ID", "FAILED", "AT", zone, "TASK", "QUEUE", "REASON", "ERROR"]
    newest = TaskRow.objects.order_by("-failed_at")
    assert [line.split()[0] for line in lines[1:]] == [str(row.pk) for row in newest[:2]]
    assert "ValueError: told to" in lines[1]
    assert "The newest 2 of 3." in errors.getvalue()


def test_equal_failures_are_one_line_with_a_count() -> None:
    for n in range(3):
        fail(n)
    fail("x", error="KeyError: 'x'")
    (head, first, second) = run("failed", "list", "--group").splitlines()
    assert head.split()[:3] == ["FAILED", "TASK", "EXCEPTION"]
    assert first.split()[:3] == ["1", "shop.write_note", "KeyError"]
    assert second.split()[:3] == ["3", "shop.write_note", "ValueError"]
    told = read("failed", "list", "--group")
    assert [(g["task"], g["exception"], g["count"]) for g in told] == [
        ("shop.write_note", "KeyError", 1),
        ("shop.write_note", "ValueError", 3),
    ]


def test_an_empty_set_says_so() -> None:
    assert run("failed", "list") == "No failed tasks.\n"
    assert read("failed", "list") == []


def test_a_filter_that_matches_nothing_is_not_taken_for_an_empty_set() -> None:
    fail("one")
    for filters in (("--task", "shop.mistyped"), (str(uuid4()),)):
        assert run("failed", "list", *filters) == "No failed task matches; there are others.\n"
    assert run("failed", "list", "--group", "--queue", "no") == (
        "No failed task matches; there are others.\n"
    )


@pytest.mark.parametrize("command", ["failed", "tasks"])
@pytest.mark.parametrize("limit", ["0", "-3", "many", "9" * 30])
def test_a_limit_that_is_none_is_refused(command: str, limit: str) -> None:
    with pytest.raises(CommandError, match=r"argument --limit: .* a number from 1 to 1,000,000"):
        run(command, "list", "--limit", limit)


def test_what_was_replayed_and_has_not_ended_is_not_forgotten() -> None:
    row = fail("one")
    fail("two", state=1, failures=0)
    run("failed", "replay", str(row.pk))
    errors = io.StringIO()
    call_command("failed", "list", stdout=io.StringIO(), stderr=errors)
    assert (
        "1 task replayed and not ended yet: `manage.py tasks list --replayed`" in errors.getvalue()
    )
    assert [each["id"] for each in read("tasks", "list", "--replayed")] == [str(row.pk)]


def test_filters_narrow_it_down_together() -> None:
    fail("a", queue="mail")
    wanted = fail("b", queue="mail", name="other.task")
    fail("c", name="other.task")
    fail("d", queue="mail", name="other.task", failed_at=timezone.now() - timedelta(days=1))
    told = read("failed", "list", "--queue", "mail", "--task", "other.task", "--since", "2h")
    assert [row["id"] for row in told] == [str(wanted.pk)]
    assert told[0]["queue"] == "mail"
    assert read("failed", "list", "--exception", "KeyError", "--reason", "error") == []
    assert len(read("failed", "list", "--text", "TOLD")) == 4
    assert len(read("failed", "list", "--until", "2h")) == 1


def test_a_secret_is_shown_to_nobody_who_does_not_ask_for_it() -> None:
    row = fail("hidden", shown='["(***,)", "{}"]', message=b"\xff\x00")
    for output in (run("failed", "list"), run("failed", "show", str(row.pk))):
        assert "hidden" not in output
    assert "hidden" not in json.dumps(read("failed", "list"))
    told = read("failed", "show", str(row.pk), "--arguments")[0]
    assert json.loads(told["arguments"]) == [["hidden"], {}]
    assert told["message_base64"] == "/wA="


def test_everything_about_a_task_is_shown_and_its_history() -> None:
    row = fail("one", traceback="Traceback (most recent call last):\n  boom\n", origin="web1:7")
    run("failed", "replay", str(row.pk), "--by", "pat")
    output = run("failed", "show", str(row.pk))
    for words in ("state              ready", "web1:7", "by pat", "replayed", "  boom"):
        assert words in output
    TaskRow.objects.all().delete()
    told = read("failed", "show", str(row.pk))[0]
    assert told["state"] == "gone"
    assert [event["what"] for event in told["history"]] == ["failed", "replayed"]
    with pytest.raises(CommandError, match="There is no task"):
        run("failed", "show", str(uuid4()))


def test_why_a_task_cannot_be_replayed_is_shown() -> None:
    row = fail("x", arguments="")
    assert obstacles.NO_ARGUMENTS in run("failed", "show", str(row.pk))


def test_nothing_in_a_task_commands_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\u202e\x9b31m\ud800".encode("utf-8", "replace").decode()
    row = fail("x", name=evil, error=evil, traceback=evil, shown=evil, queue=evil, worker=evil)
    Event.objects.update(note=evil, at_worker=evil)
    outputs = [
        *(run("failed", "list"), run("failed", "list", "--group"), run("tasks", "list")),
        *(run("failed", "show", str(row.pk)), run("failed", "list", "--json")),
    ]
    for output in outputs:
        assert not set("\x1b\x07\r\u202e\x9b") & set(output)
    TaskRow.objects.update(state=1)
    assert "\x1b" not in run("tasks", "list")


def test_a_traceback_of_a_megabyte_does_not_slow_the_list() -> None:
    row = fail("x", traceback="x" * 1_000_000)
    assert len(run("failed", "list")) < 1000
    assert len(run("failed", "show", str(row.pk))) > 1_000_000


# Doing


def test_a_replay_of_named_tasks_says_what_it_did_and_who() -> None:
    row = fail("one")
    fail("two")
    assert run("failed", "replay", str(row.pk)) == "1 task replayed.\n"
    assert states() == {1: 1, 4: 1}
    ((_, _), (kind, by)) = history(row.pk)
    assert (kind, by) == ("replayed", changing.person(""))


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_nothing_is_done_to_all_unless_all_are_asked_for(action: str) -> None:
    fail("one")
    with pytest.raises(CommandError, match=f"Say which tasks to {action}: ids, filters, or --all."):
        run("failed", action)
    with pytest.raises(CommandError, match="or --all"):
        run("failed", action, "--all", "--queue", "default")
    assert states() == {4: 1}


def test_a_dry_run_says_it_and_does_nothing() -> None:
    fail("one")
    fail("x", arguments="")
    told = read("failed", "replay", "--all", "--dry-run")
    left = [{"reason": obstacles.NO_ARGUMENTS, "count": 1}]
    assert told == {"replayed": 1, "left": left, "dry_run": True}
    assert run("failed", "discard", "--all", "--dry-run") == "2 tasks would be discarded.\n"
    assert states() == {4: 2}


def test_what_stays_is_named_and_is_a_failure() -> None:
    fail("one")
    fail("x", arguments="")
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 task stays failed"):
        call_command("failed", "replay", "--all", stdout=output)
    assert output.getvalue().splitlines() == [
        "1 task replayed.",
        f"1 task stays: {obstacles.NO_ARGUMENTS}",
    ]


def test_a_dry_run_tells_people_what_would_stay() -> None:
    fail("one")
    fail("x", arguments="")
    assert run("failed", "replay", "--all", "--dry-run").splitlines() == [
        "1 task would be replayed.",
        f"1 task would stay: {obstacles.NO_ARGUMENTS}",
    ]


def test_no_line_of_an_error_passes_for_one_of_the_commands_own() -> None:
    made_up = "task               another"
    row = fail("one", error=f"ValueError: x\n{made_up}", traceback=f"Traceback\n{made_up}")
    lines = run("failed", "show", str(row.pk)).splitlines()
    told = [line for line in lines if line.startswith("task ")]
    assert told == ["task               shop.write_note"]


def test_an_id_that_is_of_no_failed_task_is_a_failure() -> None:
    row = fail("one")
    with pytest.raises(CommandError, match="Of the 2 tasks named, 1 had failed and matched"):
        run("failed", "replay", str(row.pk), str(uuid4()), "--dry-run")
    assert states() == {4: 1}
    with pytest.raises(CommandError, match="Of the 2 tasks named, 1 had failed and matched"):
        run("failed", "replay", str(row.pk), str(uuid4()))
    assert states() == {1: 1}
    with pytest.raises(CommandError, match="An id is a UUID"):
        run("failed", "replay", "x")


def test_a_dry_run_of_cancelling_too_says_that_a_named_task_is_none() -> None:
    row, output = fail("one"), io.StringIO()
    with pytest.raises(CommandError, match="Of the 1 task named, 1 had ended"):
        call_command("tasks", "cancel", str(row.pk), "--dry-run", stdout=output)
    assert output.getvalue() == "0 tasks would be cancelled.\n"


def test_nothing_to_do_is_no_failure() -> None:
    assert run("failed", "replay", "--all") == "0 tasks replayed.\n"
    assert run("failed", "discard", "--queue", "mail") == "0 tasks discarded.\n"


NO_TIMES = ["soon", "2y", "99999999w", "2026-13-01", "", "0001-01-01T00:00:00+23:59"]


@pytest.mark.parametrize("text", [*NO_TIMES, "9999-12-31T23:59:59-23:59"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is no time: say how long ago"):
        run("failed", "list", "--since", text)


def test_a_time_is_read_in_the_project_s_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    moment = choosing.moment("2026-01-31T09:00")
    assert moment is not None
    assert moment.isoformat() == "2026-01-31T00:00:00+00:00"


# The exit status, the terminal, Ctrl-C


def test_the_exit_status_tells_scripts(start: Start) -> None:
    fail("one")
    fail("x", arguments="")
    command = ("-m", "durable_shop.manage", "failed")
    for arguments, status in (
        (("list",), 0),
        (("replay", "--all"), 1),  # one of the two stays
        (("discard", "--all"), 0),
        (("discard", "--all"), 0),
        (("show", str(uuid4())), 1),
        (("explode",), 2),
    ):
        process = start(*command, *arguments)
        assert process.process.wait(60) == status, process.words


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("said", ["n\n", "\n", "yess\n", ""])
def test_who_does_not_agree_at_a_terminal_has_done_nothing(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    fail_many(2)
    monkeypatch.setattr("sys.stdin", Terminal(said))
    for command in (("failed", "replay", "--all"), ("failed", "discard", "--all")):
        with pytest.raises(CommandError, match=r"Nothing was done\."):
            run(*command)
    assert states() == {4: 2}
    TaskRow.objects.update(state=State.READY, failures=0)
    monkeypatch.setattr("sys.stdin", Terminal(said))
    with pytest.raises(CommandError, match=r"Nothing was done\."):
        run("tasks", "cancel", "--all")
    assert states() == {1: 2}


def test_who_agrees_or_has_said_yes_is_obeyed(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    fail_many(2)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("failed", "replay", "--all") == "2 tasks replayed.\n"
    assert "Replay 2 tasks? [y/N]" in capsys.readouterr().err
    fail_many(2)
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert run("failed", "discard", "--all", "--yes") == "2 tasks discarded.\n"
    fail("one")
    assert run("failed", "replay", "--all") == "1 task replayed.\n"  # one is not asked about


@pytest.mark.parametrize("command", ["failed replay", "failed discard", "tasks cancel"])
def test_an_empty_text_is_not_taken_for_any(command: str) -> None:
    fail("one")
    tasks.write_note.delay("waits")
    with pytest.raises(CommandError, match="--text is empty"):
        run(*command.split(), "--queue", "default", "--text", "", "--yes")
    assert states() == {State.READY: 1, State.FAILED: 1}


def test_ctrl_c_at_the_question_does_nothing_and_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    fail_many(2)
    monkeypatch.setattr("sys.stdin", Terminal(""))
    monkeypatch.setattr("builtins.input", interrupt)
    with pytest.raises(SystemExit) as ended:
        run("failed", "discard", "--all")
    assert (ended.value.code, states()) == (130, {4: 2})
    assert "Nothing was done." in capsys.readouterr().err


def test_the_question_is_asked_where_the_answer_is_not_written(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    fail_many(2)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    call_command("failed", "discard", "--all", "--json")  # > file
    written = capsys.readouterr()
    assert json.loads(written.out)["discarded"] == 2
    assert "Discard 2 tasks? [y/N]" in written.err


def test_a_terminal_that_has_not_all_characters_is_shown_escapes(start: Start) -> None:
    row = fail("x", error="ValueError: Gr\u00fc\u00dfe " + "long " * 20, traceback="\u00fc")
    for command in (("list",), ("show", str(row.pk)), ("list", "--group")):
        process = start("-m", "durable_shop.manage", "failed", *command, PYTHONIOENCODING="ascii")
        assert process.process.wait(60) == 0, process.words
    fail("x", error="", reason="error", name="\u00fc")
    process = start("-m", "durable_shop.manage", "failed", "list", PYTHONIOENCODING="ascii")
    assert process.process.wait(60) == 0, process.words
    assert "Gr\\xfc\\xdfe" in process.words


@pytest.mark.parametrize("command", ["failed list", "failed replay --all", "tasks list"])
def test_ctrl_c_while_the_database_is_asked_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    for name in ("rows", "count"):
        for module in (failed, selection):
            monkeypatch.setattr(module, name, interrupt)
    with pytest.raises(SystemExit) as ended:
        run(*command.split())
    assert ended.value.code == 130


_WAITS_FOR_A_LOCK = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_what_is_stopped_midway_has_done_whole_thousands(
    start: Start, sent: signal.Signals, status: int
) -> None:
    fail_many(60_000)  # it is to be in their midst when it is first looked at
    process = start("-m", "durable_shop.manage", "failed", "replay", "--all")
    eventually(lambda: process.fail_if_ended() or TaskRow.objects.filter(state=1).exists())
    with transaction.atomic():
        with connection.cursor() as cursor:  # in the midst of a thousand
            cursor.execute("LOCK TABLE durable_tasks_event IN EXCLUSIVE MODE")
        # Only then: a query that is cancelled before it begins is waited for, here for ever.
        eventually(lambda: fresh.execute(_WAITS_FOR_A_LOCK, []))
        process.process.send_signal(sent)
        assert process.process.wait(60) == status, process.words
    replayed = TaskRow.objects.filter(state=1).count()
    assert 0 < replayed < 60_000
    assert replayed % 1000 == 0
    assert Event.objects.filter(kind="replayed").count() == replayed
    if sent == signal.SIGINT:
        assert f"Stopped: of 60,000 tasks, {60_000 - replayed:,} stay failed." in process.words
        assert "Traceback" not in process.words


class Killer(io.StringIO):
    """Somebody who ends the command's session once two thousand are done."""

    def write(self, text: str) -> int:
        if text.startswith("2,000 of"):
            pid = connection.connection.info.backend_pid
            fresh.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return super().write(text)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("failed replay --all", "are replayed"),
        ("failed discard --all", "are discarded"),
        ("tasks cancel --all", "are cancelled"),
    ],
)
def test_a_database_that_breaks_off_midway_is_told_in_a_line_with_what_is_done(
    command: str, done: str
) -> None:
    fail_many(4000)
    if command.startswith("tasks"):
        TaskRow.objects.update(state=State.READY, failures=0)
    told = f"2,000 of 4,000 tasks or a thousand more {done}.*terminating connection[^\n]*$"
    with pytest.raises(CommandError, match=told):
        call_command(*command.split(), "--yes", stdout=io.StringIO(), stderr=Killer())
    kinds = Event.objects.filter(kind__in=("replayed", "discarded", "cancelled"))
    assert kinds.count() == 2000


def test_a_backlog_whose_cancelling_is_stopped_is_told_how_much_is_as_it_was() -> None:
    class Stopper(io.StringIO):
        """Somebody who presses Ctrl-C once two thousand are done."""

        def write(self, text: str) -> int:
            if text.startswith("2,000 of"):
                raise KeyboardInterrupt
            return super().write(text)

    fail_many(4000)
    TaskRow.objects.update(state=State.READY, failures=0)
    told = Stopper()
    with pytest.raises(SystemExit) as ended:
        call_command("tasks", "cancel", "--all", stdout=io.StringIO(), stderr=told)
    assert ended.value.code == 130
    assert "Stopped: of 4,000 tasks, 2,000 are as they were." in told.getvalue()
    assert states() == {State.READY: 2000, State.FAILED: 2000}


@pytest.mark.parametrize("command", ["failed replay --all", "tasks cancel --all"])
def test_who_is_held_up_by_another_transaction_is_told_in_a_line(command: str) -> None:
    fail("one")
    if command.startswith("tasks"):
        TaskRow.objects.update(state=State.READY, failures=0)
    before = states()
    with (
        hanging("LOCK TABLE durable_tasks_event IN ACCESS EXCLUSIVE MODE"),
        pytest.raises(CommandError, match="Another transaction has held these rows"),
    ):
        run(*command.split())
    assert states() == before


@pytest.mark.parametrize("command", ["failed list", "failed replay --all", "tasks list"])
def test_a_database_that_is_away_is_told_in_a_line(
    start: Start, command: str, tmp_path: Path
) -> None:
    arguments = ("-m", "durable_shop.manage", *command.split())
    process = start(*arguments, DURABLE_TEST_DATABASE_HOST=str(tmp_path))
    assert process.process.wait(60) == 1, process.words
    assert "CommandError: The database does not answer: " in process.words
    assert "Traceback" not in process.words


def test_many_are_told_of_while_they_are_done(start: Start) -> None:
    fail_many(3000)
    process = start("-m", "durable_shop.manage", "failed", "discard", "--all")
    assert process.process.wait(60) == 0, process.words
    assert "1,000 of 3,000 discarded" in process.words
    assert "3,000 tasks discarded." in process.words


def test_what_is_done_before_anybody_looks_is_told_of_at_its_end_alone() -> None:
    fail_many(1500)
    output, errors = io.StringIO(), io.StringIO()
    call_command("failed", "discard", "--all", stdout=output, stderr=errors)
    assert (output.getvalue(), errors.getvalue()) == ("1,500 tasks discarded.\n", "")


def test_a_program_may_catch_what_a_command_writes_in_any_stream() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        call_command("failed", "list")
    assert output.getvalue() == "No failed tasks.\n"


def test_a_container_s_user_without_a_name_is_a_number_in_the_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1001")

    monkeypatch.setattr("getpass.getuser", nobody)
    row = fail("one")
    run("failed", "replay", str(row.pk))
    [_, (kind, by)] = history(row.pk)
    assert (kind, by.startswith(f"{os.getuid()} on ")) == ("replayed", True)


# What waits and what runs


def test_what_waits_and_runs_is_listed() -> None:
    tasks.write_note.apply_async(["now"])
    tasks.write_note.apply_async(["later"], countdown=60)
    tasks.log_in.delay("pat", "a secret")
    running = tasks.write_note.apply_async(["running"])
    TaskRow.objects.filter(pk=running.id).update(state=State.RUNNING)
    fail("failed")
    told = read("tasks", "list")
    assert [row["state"] for row in told] == ["running", "ready", "scheduled", "ready"]
    assert "secret" not in json.dumps(told)
    assert len(run("tasks", "list").splitlines()) == 5
    assert [row["task"] for row in read("tasks", "list", "--state", "failed")] == [
        "shop.write_note"
    ]
    assert run("tasks", "list", "--queue", "mail") == "No such tasks.\n"


def test_waiting_ones_are_cancelled_and_running_ones_where_that_is_said() -> None:
    for text in ("a", "b"):
        tasks.write_note.delay(text)
    running = tasks.write_note.delay("running")
    TaskRow.objects.filter(pk=running.id).update(state=State.RUNNING)
    fail("failed")
    assert run("tasks", "cancel", "--all", "--dry-run") == "2 tasks would be cancelled.\n"
    assert run("tasks", "cancel", "--all", "--by", "pat") == "2 tasks cancelled.\n"
    assert states() == {3: 1, 4: 3}
    with pytest.raises(CommandError, match="or runs"):
        run("tasks", "cancel", str(running.id))
    assert read("tasks", "cancel", str(running.id), "--running") == {
        "cancelled": 1,
        "dry_run": False,
    }
    assert [kind for kind, _ in history(TaskRow.objects.get(pk=running.id).pk)] == ["cancelled"]
    with pytest.raises(CommandError, match="Say which tasks to cancel"):
        run("tasks", "cancel")


def test_a_backlog_is_cancelled_but_what_a_worker_takes_now() -> None:
    fail_many(2500)
    TaskRow.objects.update(state=1)
    taken = TaskRow.objects.first()
    assert taken is not None
    is_held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            TaskRow.objects.select_for_update().get(pk=taken.pk)
            is_held.set()
            go_on.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_held.wait(30)
    try:
        assert run("tasks", "cancel", "--task", "shop.write_note") == "2,499 tasks cancelled.\n"
    finally:
        go_on.set()
        thread.join()
    assert states() == {1: 1, 4: 2499}
