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
# A window of published messages, and what Valkey itself takes more or less.
BROKER_BYTES = 4_000_000
MEASURED_SECONDS = 120.0


def forgotten_queue(lab: Lab, account: Account) -> None:
    """A flood of tasks for a queue without a worker."""
    count, before = lab.forgotten_tasks, lab.broker.used_bytes()
    load = Load(lab, "s8")
    for begin in range(0, count, AT_ONCE):
        tokens = [f"s8-{number}" for number in range(begin, min(begin + AT_ONCE, count))]
        lab.enqueue("lab.effect", tokens, is_written_down=False, queue=QUEUE)
    account.note(f"enqueued {count:,} in {time.monotonic() - account.began:.0f} s")
    load.buy(PURCHASES, CUSTOMERS, seconds=120)
    close_books(lab, account, load)
    grown = lab.broker.used_bytes() - before
    account.note(f"the broker took {grown / 1e6:.1f} MB more")
    account.expect(grown < BROKER_BYTES, f"the broker took {grown / 1e6:.0f} MB more")
    kept = lab.sql("SELECT count(*) FROM durable_tasks_task WHERE queue = %s", QUEUE)[0][0]
    account.committed += count
    account.done["waiting"] = kept
    account.lost += count - kept
    wait_for("the alarm's condition", lambda: is_alarming(lab), MEASURED_SECONDS)


def is_alarming(lab: Lab) -> bool:
    """Tell whether the queue's own row says that over half of its cap is used."""
    rows = lab.sql("SELECT rows FROM durable_tasks_queue WHERE name = %s", QUEUE)
    return bool(rows) and rows[0][0] >= lab.admin_cap / 2
