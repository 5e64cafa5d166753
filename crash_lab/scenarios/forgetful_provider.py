"""Scenario 7: a payment provider that charges, and then fails to answer."""

import httpx

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Load
from crash_lab.lab import Lab

CUSTOMERS = 3


def forgetful_provider(lab: Lab, account: Account) -> None:
    """The provider charges and then fails to answer."""
    count = 15 if lab.is_short else 300
    before = attempts(lab)
    lab.tell_provider(fail_after_charge_next=count // 2, fail_next=count // 5)
    load = Load(lab, "s7")
    load.buy(count, CUSTOMERS, seconds=300)
    close_books(lab, account, load)
    asked = attempts(lab) - before
    account.note(f"the provider was asked {asked} times for {count} charges")
    account.expect(asked > count, "the provider failed nobody: nothing was shown")


def attempts(lab: Lab) -> int:
    """Return how often the provider was asked to charge."""
    asked: int = httpx.get(f"{lab.addresses.payments}/charges", timeout=10).json()["attempts"]
    return asked
