"""What became of it all: the books are closed and their counts written into the account."""

from collections import Counter

from crash_lab.account import Account
from crash_lab.books import FAILED, Order, charges, orders, users, wait_until_quiet
from crash_lab.customers import Load
from crash_lab.lab import Lab


def close_books(lab: Lab, account: Account, *loads: Load, mailer_crashes: int = 0) -> None:
    """Wait for the end, and write into `account` what became of purchases and signups.

    `mailer_crashes` is how often the mail worker lost its life or its database: each may have
    fallen between the mail server's acceptance and our commit, and sent one mail twice.
    """
    settle(lab, account)
    for load in loads:
        count_load(lab, account, load)
    expect_copies_explained(lab, account)
    account.expect(
        account.mailed_twice <= mailer_crashes,
        f"{account.mailed_twice} mails came twice, and {mailer_crashes} crashes could explain it",
    )
    expect_no_ghosts(lab, account)
    expect_none_failed(lab, account)


def expect_copies_explained(lab: Lab, account: Account) -> None:
    """Hold each mail's second copies against its own row: an attempt that was cut off for each.

    The row keeps `unanswered` after the mail is sent, until it is deleted days later.
    """
    cut_off = dict(lab.sql("SELECT message_id, unanswered FROM queued_mail_queuedmail"))
    for message_id, count in lab.mails.arrived().items():
        allowed = cut_off.get(message_id, 0)
        account.expect(
            count - 1 <= allowed,
            f"mail {message_id} came {count} times, and {allowed} attempts of it were cut off",
        )


def expect_no_ghosts(lab: Lab, account: Account) -> None:
    """Write down charges for purchases that were rolled back: their tasks should not exist."""
    known = {order for (order,) in lab.sql("SELECT id::text FROM purchases_order")}
    ghosts = set(charges(lab)) - known
    account.expect(not ghosts, f"{len(ghosts)} charged of which the database knows nothing")


def settle(lab: Lab, account: Account) -> None:
    """Wait until nothing is left to run."""
    left = wait_until_quiet(lab)
    account.expect(not left, f"unfinished after the time to settle: {left}")


def count_load(lab: Lab, account: Account, load: Load) -> None:
    """Write into `account` what one load's purchases and signups have come to."""
    bought, people = orders(lab, load), users(lab, load)
    welcomed = lab.mails.arrived_for()
    confirmed = Counter(_recipients(lab, load))
    welcomes = [welcomed[email] - confirmed[email] for email in people]
    account.committed += len(bought) + len(people)
    account.add_done(
        charged=sum(order.is_charged and order.charges == 1 for order in bought),
        packed=sum(order.is_packed for order in bought),
        mailed=sum(order.mails > 0 for order in bought),
        welcomed=sum(count > 0 for count in welcomes),
    )
    _count_lost(account, load, bought, people, welcomes)
    account.doubled += sum(max(0, order.charges - 1) for order in bought)
    account.doubled += _written_twice(lab, bought)
    account.mailed_twice += sum(max(0, order.mails - 1) for order in bought)
    account.mailed_twice += sum(max(0, count - 1) for count in welcomes)
    account.longest_request_seconds = max(account.longest_request_seconds, load.longest_seconds)


def expect_none_failed(lab: Lab, account: Account) -> None:
    """Write down every failed task as a breach."""
    for name, reason, error in lab.sql(FAILED):
        account.expect(False, f"{name} failed ({reason}): {error}")


def _recipients(lab: Lab, load: Load) -> list[str]:
    """Return to whom each arrived confirmation went, once a mail that arrived."""
    arrived = lab.mails.arrived()
    rows = lab.sql(
        "SELECT u.email, o.confirmation_message_id FROM purchases_order o "
        "JOIN accounts_user u ON u.id = o.customer_id WHERE u.email LIKE %s",
        f"{load.tag}-%",
    )
    return [email for email, message_id in rows for _ in range(arrived[message_id])]


def _count_lost(
    account: Account, load: Load, bought: list[Order], people: list[str], welcomes: list[int]
) -> None:
    missing = {
        "answered and not in the database": len(load.bought - {order.id for order in bought})
        + len(load.signed_up - set(people)),
        "not charged": sum(order.charges == 0 or not order.is_charged for order in bought),
        "not packed": sum(not order.is_packed for order in bought),
        "not mailed": sum(order.mails == 0 for order in bought),
        "not welcomed": sum(count < 1 for count in welcomes),
    }
    for what, count in missing.items():
        account.lost += count
        account.expect(count == 0, f"{count} {what}")


def _written_twice(lab: Lab, bought: list[Order]) -> int:
    query = "SELECT count(*) FROM lab_event WHERE what IN ('charged', 'packed') AND token = ANY(%s)"
    written: int = lab.sql(query, [order.id for order in bought])[0][0]
    steps = sum(order.is_charged + order.is_packed for order in bought)
    return max(0, written - steps)


def count_effects(lab: Lab, account: Account, name: str, tokens: list[str]) -> None:
    """Write into `account` how often each token of the lab's own tasks took effect."""
    rows = lab.sql("SELECT token, what FROM lab_event WHERE token = ANY(%s)", tokens)
    committed = {token for token, what in rows if what == "committed"}
    effects = Counter(token for token, what in rows if what == "effect")
    account.committed += len(committed)
    account.add_done(**{name: len(effects)})
    lost, doubled = committed - set(effects), [t for t, count in effects.items() if count > 1]
    account.lost += len(lost)
    account.doubled += len(doubled)
    account.expect(not lost, f"{name}: {len(lost)} committed and without effect")
    account.expect(not doubled, f"{name}: {len(doubled)} with more than one effect")
    account.expect(not set(effects) - committed, f"{name}: effects of what was rolled back")
