"""Scenario 6: deploys, with tasks running, and a while in which old and new code run together."""

import time

from crash_lab.account import Account
from crash_lab.counting import close_books, count_effects
from crash_lab.customers import Load
from crash_lab.lab import Lab
from demo.client import wait_for

CUSTOMERS = 2
PAUSE_SECONDS = 0.3
# Longer than the 2 s that a worker gives at a stop: some are put back amid their body.
TASK_SECONDS = 3.0
# How long old and new workers share a queue.
OLD_SECONDS = 8.0
LEFT_ALONE = "provider"
WAIT_SECONDS = 60.0
NEW_TASKS = 20
# Published, and scheduled again by a worker that does not know the name.
REFUSED = """
    SELECT count(*) FROM lab_history WHERE name = 'lab.only_new' AND before = 2 AND after = 0
        AND was_unknown
"""


def deploy(lab: Lab, account: Account) -> None:
    """Deploys amid tasks; some workers know a new task."""
    tokens: list[str] = []
    load = Load(lab, "s6", pause_seconds=PAUSE_SECONDS)
    with load.buying(CUSTOMERS):
        for number in range(1 if lab.is_short else 5):
            tokens += one_deploy(lab, account, number)
            time.sleep(OLD_SECONDS)
            lab.supervisor.stop("worker_old")
    close_books(lab, account, load)
    account.note(f"the old worker put back {refused(lab)} tasks that it does not know")
    count_effects(lab, account, "run", tokens)
    spent = lab.sql(
        "SELECT name, max(crashes), max(retries) FROM lab_history WHERE at > now() - %s * "
        "interval '1 second' GROUP BY name HAVING max(crashes) > 0",
        time.monotonic() - account.began,
    )
    account.expect(not spent, f"an orderly stop was counted as a crash: {spent}")


def one_deploy(lab: Lab, account: Account, number: int) -> list[str]:
    """Stop everything amid tasks; start the new release, and one worker of the old one."""
    slow = [f"s6-slow-{number}-{each}" for each in range(4)]
    lab.enqueue("lab.slow_effect", slow, TASK_SECONDS)
    query = "SELECT 1 FROM lab_event WHERE what = 'run' AND token = ANY(%s)"
    wait_for("a running task", lambda: lab.sql(query, slow), WAIT_SECONDS)
    time.sleep(lab.chance.uniform(0, 1))
    names = [name for name in lab.supervisor.names() if name != LEFT_ALONE]
    seconds = lab.supervisor.stop(*names)
    account.note(f"everything had stopped {seconds:.1f} s after SIGTERM")
    command = lab.procfile()["worker_default"].replace("default@%h", "old@%h")
    lab.supervisor.start("worker_old", command, LAB_IS_OLD="1")
    lab.start_all()
    lab.wait_until_up()
    return slow + enqueue_until_refused(lab, number)


def enqueue_until_refused(lab: Lab, number: int) -> list[str]:
    """Enqueue new tasks, one by one, at least until the old worker has met one of them."""
    before, new = refused(lab), list[str]()

    def has_met_one() -> bool:
        new.append(f"s6-new-{number}-{len(new)}")
        lab.enqueue("lab.only_new", [new[-1]])
        return len(new) >= NEW_TASKS and refused(lab) > before

    wait_for("a new task that the old worker puts back", has_met_one, WAIT_SECONDS)
    return new


def refused(lab: Lab) -> int:
    """Count how often a worker has put back a new task because it does not know it."""
    count: int = lab.sql(REFUSED)[0][0]
    return count
