"""Scenario 5: a worker freezes amid a task, past its lease, and wakes when another run ended."""

import time
from typing import Any

from crash_lab.account import Account
from crash_lab.books import wait_until_quiet
from crash_lab.counting import count_effects, expect_none_failed
from crash_lab.lab import Lab
from demo.client import wait_for

TASK_SECONDS = 2.0
WAIT_SECONDS = 90.0
# More than the rest of the body and its COMMIT: what comes late has come by then.
LATE_SECONDS = TASK_SECONDS + 3.0


def frozen_worker(lab: Lab, account: Account) -> None:
    """A worker is frozen past its lease, and woken."""
    rounds = 1 if lab.is_short else 5
    tokens = []
    for number in range(rounds):
        for task in ("lab.slow_effect", "lab.slow_contact"):
            tokens.append(f"s5-{task}-{number}")
            freeze_amid(lab, account, task, tokens[-1])
    count_effects(lab, account, "run", tokens)
    expect_none_failed(lab, account)


def freeze_amid(lab: Lab, account: Account, task: str, token: str) -> None:
    """Freeze the worker amid one task, let another one run it, and wake the first."""
    lab.enqueue(task, [token], TASK_SECONDS)
    wait_for(f"the start of {task}", lambda: events(lab, "run", token), WAIT_SECONDS)
    time.sleep(lab.chance.uniform(0.1, TASK_SECONDS - 0.5))
    lab.supervisor.freeze("worker_default")
    try:
        command = lab.procfile()["worker_default"].replace("default@%h", "default_2@%h")
        lab.supervisor.start("worker_default_2", command)
        began = time.monotonic()
        wait_for(f"another run of {task}", lambda: events(lab, "effect", token), WAIT_SECONDS)
        account.note(f"{task}: done by another worker {time.monotonic() - began:.1f} s later")
    finally:
        lab.supervisor.thaw("worker_default")
    time.sleep(LATE_SECONDS)
    lab.supervisor.stop("worker_default_2")
    wait_until_quiet(lab)
    runs, effects = events(lab, "run", token), events(lab, "effect", token)
    account.expect(effects == runs[1:2], f"{task}: the effect is not that of the second run")
    account.expect(len(runs) == 2, f"{task}: it ran {len(runs)} times, 2 were due")


def events(lab: Lab, what: str, token: str) -> list[Any]:
    """Return the processes that wrote down an event, in the order of time."""
    query = "SELECT pid FROM lab_event WHERE what = %s AND token = %s ORDER BY id"
    return [pid for (pid,) in lab.sql(query, what, token)]
