"""Scenario 2: the broker stops, freezes, forgets, goes back in time, and is full."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil

from crash_lab.account import Account
from crash_lab.counting import close_books
from crash_lab.customers import Load
from crash_lab.lab import Lab
from demo.client import wait_for

CUSTOMERS = 2
WAIT_SECONDS = 30.0
# No request waits for the broker, so its median may rise by what a busy machine does; a frozen
# broker would cost a second a request, and the longest one only bounds what kind of wait it is.
MEDIAN_FACTOR, MEDIAN_SECONDS, LONGEST_SECONDS = 3.0, 0.25, 5.0
Outage = Callable[[Lab], AbstractContextManager[None]]


def broker_outages(lab: Lab, account: Account) -> None:
    """The broker is stopped, frozen, emptied, set back, full."""
    seconds = 4.0 if lab.is_short else 30.0
    mailers = lab.supervisor.processes["worker_mail"].starts
    usual = sign_up_during(lab, "as usual", no_outage, min(seconds, 10.0))
    loads = [usual]
    for outage in (stopped, frozen, emptied, set_back, full):
        load = sign_up_during(lab, outage.__name__, outage, seconds)
        loads.append(load)
        compare(account, outage.__name__, load, usual)
    connections = connections_of_web(lab)
    account.expect(not connections, f"the web has {connections} connections to the broker")
    crashes = lab.supervisor.processes["worker_mail"].starts - mailers
    # A mail worker that a broker drove out may have lost one commit, as a killed one.
    close_books(lab, account, *loads, mailer_crashes=crashes)


def sign_up_during(lab: Lab, name: str, outage: Outage, seconds: float) -> Load:
    """Let customers sign up while the broker is away, and a moment longer."""
    load = Load(lab, f"s2-{name.replace(' ', '-').replace('_', '-')}")
    with load.signing_up(CUSTOMERS), outage(lab):
        time.sleep(seconds)
    return load


def compare(account: Account, name: str, load: Load, usual: Load) -> None:
    """Hold the requests during an outage against those before it."""
    account.note(
        f"{name}: {len(load.signed_up)} signups, requests of {load.median_seconds * 1000:.0f} ms "
        f"(median), {load.longest_seconds * 1000:.0f} ms (longest); {dict(load.failures)}"
    )
    account.expect(len(load.signed_up) > 0, f"{name}: nobody could sign up")
    account.expect(not load.failures, f"{name}: requests failed: {dict(load.failures)}")
    bound = MEDIAN_FACTOR * usual.median_seconds + MEDIAN_SECONDS
    account.expect(load.median_seconds < bound, f"{name}: requests took longer than usual")
    account.expect(load.longest_seconds < LONGEST_SECONDS, f"{name}: a request waited")


@contextmanager
def no_outage(lab: Lab) -> Iterator[None]:
    """Let everything be."""
    yield


@contextmanager
def stopped(lab: Lab) -> Iterator[None]:
    """Stop the broker, and start it on its data."""
    lab.broker.stop()
    try:
        yield
    finally:
        lab.broker.start()


@contextmanager
def frozen(lab: Lab) -> Iterator[None]:
    """Freeze the broker."""
    lab.broker.freeze()
    try:
        yield
    finally:
        lab.broker.thaw()


@contextmanager
def emptied(lab: Lab) -> Iterator[None]:
    """Stop the broker amid messages, and start it without any data."""
    with waiting_messages(lab):
        lab.broker.stop()
    lab.broker.empty()
    lab.broker.start()
    yield


@contextmanager
def set_back(lab: Lab) -> Iterator[None]:
    """Start the broker on data of some time ago: messages of tasks that have ended are back."""
    with waiting_messages(lab):
        lab.broker.stop()
        lab.broker.take_snapshot()
        lab.broker.start()
    yield
    lab.broker.stop()
    lab.broker.go_back()
    lab.broker.start()


@contextmanager
def full(lab: Lab) -> Iterator[None]:
    """Fill the broker until it refuses."""
    lab.broker.fill()
    try:
        yield
    finally:
        lab.broker.make_room()


@contextmanager
def waiting_messages(lab: Lab) -> Iterator[None]:
    """Hold the mail worker, so that messages wait in the broker."""
    lab.supervisor.freeze("worker_mail")
    try:
        wait_for("a message that waits", lambda: lab.broker.client.llen("mail"), WAIT_SECONDS)
        yield
    finally:
        lab.supervisor.thaw("worker_mail")


def connections_of_web(lab: Lab) -> int:
    """Count the connections that the web server's processes have to the broker."""
    web = lab.supervisor.processes["web"]
    return sum(
        bool(connection.raddr) and connection.raddr.port == lab.broker.port
        for pid in (web.pid, *web.children())
        for connection in psutil.Process(pid).net_connections("tcp")
    )
