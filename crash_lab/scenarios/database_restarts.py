"""Scenario 3: PostgreSQL is restarted, in order and by a crash, under load."""

import time

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Failure, Load
from crash_lab.lab import Lab

CUSTOMERS = 3
PAUSE_SECONDS = 0.2
# A request fails at once where the database is away; 5 s is the connection's own time-out.
LONGEST_SECONDS = 15.0
Absence = tuple[float, float]


def database_restarts(lab: Lab, account: Account) -> None:
    """PostgreSQL is restarted under load."""
    restarts = 3 if lab.is_short else 10
    mailers = lab.supervisor.processes["worker_mail"].starts
    load = Load(lab, "s3", pause_seconds=PAUSE_SECONDS)
    absences: list[Absence] = []
    with load.buying(CUSTOMERS):
        time.sleep(2)
        for number in range(restarts):
            # Both kinds in every run, the rest by chance.
            is_crash = number == 0 or (number > 1 and lab.chance.random() < 0.5)
            began = time.monotonic()
            (lab.database.crash if is_crash else lab.database.stop)()
            time.sleep(lab.chance.uniform(0.5, 3))
            lab.database.start()
            absences.append((began, time.monotonic()))
            time.sleep(lab.chance.uniform(3, 5))
    account.kills = restarts
    crashes = restarts + lab.supervisor.processes["worker_mail"].starts - mailers
    account.expect(len(load.bought) > restarts, "hardly anything was bought")
    account.expect(load.longest_seconds < LONGEST_SECONDS, "a request hung instead of failing")
    expect_clean_failures(account, load, absences)
    close_books(lab, account, load, mailer_crashes=crashes)


def expect_clean_failures(account: Account, load: Load, absences: list[Absence]) -> None:
    """Some requests fail while the database is away; each is told so by the shop, in time."""
    amid = [failure for failure in load.failed if _is_amid(failure, absences)]
    longest = max((failure.seconds for failure in load.failed), default=0.0)
    account.note(
        f"requests that failed and were made again: {dict(load.failures)}, {len(amid)} of them "
        f"while the database was away; the longest took {longest:.2f} s"
    )
    account.expect(bool(amid), "no request failed while the database was away: nothing was shown")
    for failure in load.failed:
        account.expect(
            500 <= failure.status < 600 and failure.seconds < LONGEST_SECONDS,
            f"a request failed otherwise than by a 5xx in time: {failure.kind} "
            f"after {failure.seconds:.1f} s",
        )


def _is_amid(failure: Failure, absences: list[Absence]) -> bool:
    end = failure.began + failure.seconds
    return any(failure.began < back and end > away for away, back in absences)
