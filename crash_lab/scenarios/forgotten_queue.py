"""Scenario 8: a queue that nobody takes from, and a flood of tasks in it."""

import time

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Load
from crash_lab.lab import Lab
from demo.client import wait_for

QUEUE = "admin"
AT_ONCE = 10_000
PURCHASES, CUSTOMERS = 10, 2
PAUSE_SECONDS = 0.5
ALARMS = "from patterns.durable_tasks import caps; print(*caps.alarms(), sep=chr(10))"
# A window of published messages, and what Valkey itself takes more or less.
BROKER_BYTES = 4_000_000
MEASURED_SECONDS = 120.0


def forgotten_queue(lab: Lab, account: Account) -> None:
    """A flood of tasks for a queue without a worker."""
    count, before = lab.forgotten_tasks, lab.broker.used_bytes()
    load = Load(lab, "s8", pause_seconds=PAUSE_SECONDS)
    with load.buying(CUSTOMERS):
        enqueue_flood(lab, count)
        amid = len(load.bought)
        account.note(
            f"enqueued {count:,} in {time.monotonic() - account.began:.0f} s; {amid} purchases "
            f"meanwhile, the longest request took {load.longest_seconds:.2f} s"
        )
        load.wait_until_bought(amid + PURCHASES, 120)
    account.expect(amid > 0, "nobody bought while the flood came")
    account.expect(len(load.bought) >= amid + PURCHASES, "the shop did not go on after the flood")
    close_books(lab, account, load)
    grown = lab.broker.used_bytes() - before
    account.note(f"the broker took {grown / 1e6:.1f} MB more")
    account.expect(grown < BROKER_BYTES, f"the broker took {grown / 1e6:.0f} MB more")
    kept = lab.sql("SELECT count(*) FROM durable_tasks_task WHERE queue = %s", QUEUE)[0][0]
    account.committed += count
    account.done["waiting"] = kept
    account.lost += count - kept
    alarm = wait_for("the queue's alarm", lambda: alarm_of(lab, QUEUE), MEASURED_SECONDS)
    account.note(f"the alarm: {alarm}")


def enqueue_flood(lab: Lab, count: int) -> None:
    """Enqueue many tasks for the queue, some thousand a transaction."""
    for begin in range(0, count, AT_ONCE):
        tokens = [f"s8-{number}" for number in range(begin, min(begin + AT_ONCE, count))]
        lab.enqueue("lab.effect", tokens, is_written_down=False, queue=QUEUE)


def alarm_of(lab: Lab, queue: str) -> str:
    """Return what the shop's own check says of a queue; "" where that is nothing."""
    lines = lab.manage("shell", "--no-imports", "-c", ALARMS).splitlines()
    return next((line for line in lines if line.startswith(f"Queue {queue} ")), "")
