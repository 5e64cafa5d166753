"""Scenario 3: PostgreSQL is restarted, in order and by a crash, under load."""

import time

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Load
from crash_lab.lab import Lab

CUSTOMERS = 3
PAUSE_SECONDS = 0.2
# A request fails at once where the database is away; 5 s is the connection's own time-out.
LONGEST_SECONDS = 15.0


def database_restarts(lab: Lab, account: Account) -> None:
    """PostgreSQL is restarted under load."""
    restarts = 3 if lab.is_short else 10
    mailers = lab.supervisor.processes["worker_mail"].starts
    load = Load(lab, "s3", pause_seconds=PAUSE_SECONDS)
    with load.buying(CUSTOMERS):
        time.sleep(2)
        for number in range(restarts):
            # Both kinds in every run, the rest by chance.
            is_crash = number == 0 or (number > 1 and lab.chance.random() < 0.5)
            (lab.database.crash if is_crash else lab.database.stop)()
            time.sleep(lab.chance.uniform(0.5, 3))
            lab.database.start()
            time.sleep(lab.chance.uniform(3, 5))
    account.kills = restarts
    crashes = restarts + lab.supervisor.processes["worker_mail"].starts - mailers
    account.note(f"requests that failed and were made again: {dict(load.failures)}")
    account.expect(len(load.bought) > restarts, "hardly anything was bought")
    account.expect(load.longest_seconds < LONGEST_SECONDS, "a request hung instead of failing")
    close_books(lab, account, load, mailer_crashes=crashes)
