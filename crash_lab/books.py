"""The truth afterwards: what the database, the provider and the mail server hold."""

import time
from collections import Counter
from dataclasses import dataclass

import httpx

from crash_lab.customers import Load
from crash_lab.lab import Lab

LOOK_SECONDS = 0.25
# Without a single task that ends: retries wait up to 4 s in the lab, leases end after 6, and each
# may come several times.
STALL_SECONDS = 60.0
# A backlog of thousands on a slow machine; what takes longer is a finding.
SETTLE_SECONDS = 900.0
ORDERS = """
    SELECT o.id::text, o.confirmation_message_id, o.charged_at IS NOT NULL, o.packed_at IS NOT NULL
    FROM purchases_order o JOIN accounts_user u ON u.id = o.customer_id
    WHERE u.email LIKE %s ORDER BY o.placed_at
"""
# Beat's own tasks come and go; these are the ones that somebody waits for. Nobody takes from admin.
UNFINISHED = """
    SELECT name, state, count(*) FROM durable_tasks_task
    WHERE state < 4 AND (name LIKE 'purchases.%' OR name LIKE 'queued_mail.deliver'
        OR name LIKE 'lab.%') AND queue <> 'admin'
    GROUP BY name, state
"""
FAILED = "SELECT name, reason, left(error, 200) FROM durable_tasks_task WHERE state = 4"


@dataclass(frozen=True, kw_only=True)
class Order:
    """One committed purchase, as everybody's books have it."""

    id: str
    message_id: str
    is_charged: bool
    is_packed: bool
    charges: int
    mails: int


def orders(lab: Lab, load: Load) -> list[Order]:
    """Return the committed purchases of a load."""
    charged, arrived = charges(lab), lab.mails.arrived()
    return [
        Order(
            id=row[0],
            message_id=row[1],
            is_charged=row[2],
            is_packed=row[3],
            charges=charged[row[0]],
            mails=arrived[row[1]],
        )
        for row in lab.sql(ORDERS, f"{load.tag}-%")
    ]


def charges(lab: Lab) -> Counter[str]:
    """Return how often the provider charged for each order, by its own books."""
    books = httpx.get(f"{lab.addresses.payments}/charges", timeout=10).json()["charges"]
    return Counter(charge["reference"] for charge in books)


def users(lab: Lab, load: Load) -> list[str]:
    """Return the addresses of those who signed up, as the database has them."""
    rows = lab.sql("SELECT email FROM accounts_user WHERE email LIKE %s", f"{load.tag}-%")
    return [row[0] for row in rows]


def wait_until_quiet(lab: Lab) -> list[str]:
    """Wait until nothing is left to run but failed tasks; return what is left where that stalls."""
    began = progressed = time.monotonic()
    lowest: float = float("inf")
    while left := lab.sql(UNFINISHED):
        now, count = time.monotonic(), sum(row[2] for row in left)
        if count < lowest:
            lowest, progressed = count, now
        if now - progressed > STALL_SECONDS or now - began > SETTLE_SECONDS:
            break
        time.sleep(LOOK_SECONDS)
    return [f"{count} {name} in state {state}" for name, state, count in left]
