"""A run that is killed or frozen: the effect is asked for again with its key, and recorded once."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from patterns.idempotency import ledger
from patterns.idempotency.errors import EffectInProgress
from patterns.idempotency.models import Effect
from tests.idempotency.conftest import Process
from tests.servers import eventually

Start = Callable[[str], Process]
KEY = "order-1"
RUN = """
import sys
from django.db import transaction
from patterns.idempotency import ledger, errors

try:
    options = dict(lease_seconds={lease}, holder={holder!r})
    with ledger.effect({key!r}, keeps_key_hours=24, **options) as held:
        print("asking", flush=True)
        sys.stdin.readline()
        with transaction.atomic():
            held.record({result!r})
            print("recording", flush=True)
            sys.stdin.readline()
    print("done", flush=True)
except errors.LedgerError as error:
    print(type(error).__name__, flush=True)
"""


def run(start: Start, *, lease: float = 60, holder: str = "", result: str = "ch_1") -> Process:
    process = start(RUN.format(key=KEY, lease=lease, holder=holder, result=result))
    process.says("asking")
    return process


def again(**options: Any) -> Any:
    """Run the effect in this process, as the task's next run; return what it came to."""
    with ledger.effect(KEY, keeps_key_hours=24, **options) as held:
        if not held.is_recorded:
            with transaction.atomic():
                held.record("of the next run")
        return held.result


def lease_has_ended() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT leased_until <= clock_timestamp() FROM idempotency_effect")
        return bool(cursor.fetchone()[0])


def test_a_run_killed_while_it_asks_is_followed_by_another_once_its_lease_ends(
    process: Start,
) -> None:
    run(process, lease=2).kill()
    with pytest.raises(EffectInProgress):
        again()
    eventually(lease_has_ended)
    assert again() == "of the next run"
    assert Effect.objects.get().attempts == 2


def test_the_same_tasks_next_run_follows_a_killed_one_at_once(process: Start) -> None:
    run(process, holder="task-1").kill()
    assert again(holder="task-1") == "of the next run"


def test_a_run_killed_before_its_commit_has_recorded_nothing(process: Start) -> None:
    killed = run(process, holder="task-1")
    killed.tell("record")
    killed.says("recording")
    killed.kill()
    assert Effect.objects.get().result is None
    assert again(holder="task-1") == "of the next run"


def test_a_run_killed_after_its_commit_has_recorded(process: Start) -> None:
    killed = run(process)
    killed.tell("record")
    killed.says("recording")
    killed.tell("commit")
    killed.says("done")
    killed.kill()
    assert again() == "ch_1"


def test_a_frozen_run_that_wakes_after_its_lease_cannot_record(process: Start) -> None:
    frozen = run(process, lease=0.5, result="late")
    os.kill(frozen.popen.pid, signal.SIGSTOP)
    eventually(lease_has_ended)
    assert again() == "of the next run"
    os.kill(frozen.popen.pid, signal.SIGCONT)
    frozen.tell("record")
    frozen.says("LeaseLost")
    assert Effect.objects.get().result == '"of the next run"'


def test_two_processes_at_once_ask_once(process: Start) -> None:
    first = run(process)
    second = process(RUN.format(key=KEY, lease=60, holder="", result="ch_2"))
    second.says("EffectInProgress")
    for line in ("record", "commit"):
        first.tell(line)
    assert "done" in first.end()
    assert again() == "ch_1"
