"""Scenario 9: tasks whose end is awkward: a retry within a transaction, an error in COMMIT."""

from crash_lab.account import Account
from crash_lab.books import FAILED
from crash_lab.counting import count_effects, settle
from crash_lab.lab import Lab
from crash_lab.proxy import Proxy

# Each ends well in the end: one effect a token.
ONCE = ("retry_in_atomic", "catch_retry", "commit_is_cut_off", "commit_fails", "commit_unheard")
# Whether its COMMIT takes hold is open: one effect and no row, or none and a failed task.
EITHER = "limit_in_commit"


def awkward_endings(lab: Lab, account: Account) -> None:
    """Retries within transactions, errors within COMMIT."""
    count = 2 if lab.is_short else 20
    tokens = {name: [f"s9-{name}-{n}" for n in range(count)] for name in (*ONCE, EITHER)}
    with Proxy(lab.database.folder) as proxy:
        use_database(lab, proxy.url)
        try:
            calls = [(name, token) for name in tokens for token in tokens[name]]
            for name, token in lab.chance.sample(calls, len(calls)):
                lab.enqueue(f"lab.{name}", [token])
            settle(lab, account)
            account.expect(proxy.cuts >= count, f"{proxy.cuts} COMMITs were cut off, {count} due")
        finally:
            use_database(lab, lab.database.url)
    for name in ONCE:
        count_effects(lab, account, name, tokens[name])
    account.done = {"run": sum(account.done.values())}
    check_either(lab, account, tokens[EITHER])


def check_either(lab: Lab, account: Account, tokens: list[str]) -> None:
    """Each token has its effect, or its failed task, and not both."""
    query = "SELECT token, count(*) FROM lab_event WHERE what = 'effect' GROUP BY token"
    effects = dict(lab.sql(query))
    failed = lab.sql("SELECT arguments FROM durable_tasks_task WHERE state = 4")
    for token in tokens:
        rows = sum(f'"{token}"' in arguments for (arguments,) in failed)
        ends = effects.get(token, 0) + rows
        account.expect(ends == 1, f"{token}: {effects.get(token, 0)} effects, {rows} failed tasks")
        account.add_done(run=effects.get(token, 0), failed=rows)
        account.lost += ends == 0
        account.doubled += ends > 1
    account.committed += len(tokens)
    others = [name for name, _, _ in lab.sql(FAILED) if name != f"lab.{EITHER}"]
    account.expect(not others, f"failed: {others}")


def use_database(lab: Lab, url: str) -> None:
    """Start the worker of the lab's tasks on another address of the same database."""
    lab.supervisor.stop("worker_default")
    lab.supervisor.start("worker_default", lab.procfile()["worker_default"], DATABASE_URL=url)
