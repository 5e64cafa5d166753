"""Scenario 1: every process of the shop may die at any moment."""

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Load
from crash_lab.killing import Killer
from crash_lab.lab import Lab

CUSTOMERS = 4
# Customers look before they buy: the kills shall fall into purchases, not into what follows them.
PAUSE_SECONDS = 0.4
# A machine that is too slow to sell all of it amid kills sells the rest without them.
REST_SECONDS = 300.0


def random_kills(lab: Lab, account: Account) -> None:
    """A random process is killed every second amid purchases."""
    count, seconds = (150, 90.0) if lab.is_short else (2_000, 1_500.0)
    load = Load(lab, "s1", pause_seconds=PAUSE_SECONDS)
    with load.buying(CUSTOMERS):
        with Killer(lab.supervisor, lab.chance, lab.logs / "kills.log") as killer:
            load.wait_until_bought(count, seconds)
        load.wait_until_bought(count, REST_SECONDS)
    account.kills = killer.kills.total()
    kinds = killer.by_kind()
    account.note(f"killed by kind: {', '.join(f'{kind} {times}' for kind, times in kinds.items())}")
    if not lab.is_short:  # in 90 s, chance may leave one out
        spared = [kind for kind, times in kinds.items() if not times]
        account.expect(not spared, f"never killed: {', '.join(spared)}")
    account.note(f"killed: {', '.join(f'{n} {k}' for k, n in sorted(killer.kills.items()))}")
    account.note(f"requests that failed and were made again: {dict(load.failures)}")
    account.expect(
        len(load.bought) >= count, f"only {len(load.bought)} of {count} were bought in time"
    )
    close_books(lab, account, load, mailer_crashes=killer.count("worker_mail"))
