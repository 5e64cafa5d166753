"""Scenario 4: a task that kills its process, and one that kills its whole worker."""

from crash_lab.account import Account
from crash_lab.books import FAILED
from crash_lab.counting import count_effects, settle
from crash_lab.lab import Lab
from demo.client import wait_for

CRASHES = 3
POISONS = ("lab.kill_process", "lab.kill_worker")
# Each crash of a whole worker costs a start, and the lease where it is not noticed sooner.
SECONDS = 120.0


def poison(lab: Lab, account: Account) -> None:
    """Poison tasks kill their process, or their whole worker."""
    others = [f"s4-{number}" for number in range(20 if lab.is_short else 500)]
    half = len(others) // 2
    lab.enqueue("lab.effect", others[:half])
    for name in lab.chance.sample(POISONS, len(POISONS)):
        lab.enqueue(name, [f"s4-{name}"], is_written_down=False)
    lab.enqueue("lab.effect", others[half:])
    wait_for("the end of the poison", lambda: len(lab.sql(FAILED)) == len(POISONS), SECONDS)
    settle(lab, account)
    for name in POISONS:
        query = "SELECT count(*) FROM lab_event WHERE what = 'run' AND token = %s"
        runs = lab.sql(query, f"s4-{name}")[0][0]
        account.kills += runs
        account.expect(runs == CRASHES, f"{name} ran {runs} times, {CRASHES} were due")
    for name, reason, _ in lab.sql(FAILED):
        account.expect(name in POISONS, f"{name} failed, which is no poison")
        account.expect(reason == "crashes", f"{name} failed for the reason {reason!r}")
    count_effects(lab, account, "run", others)
    account.committed += len(POISONS)
    account.done["failed"] = len(lab.sql(FAILED))
