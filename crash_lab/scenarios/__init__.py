"""The nine scenarios, each a function that acts on a lab and fills in an account."""

from collections.abc import Callable

from crash_lab.account import Account
from crash_lab.lab import Lab
from crash_lab.scenarios.awkward_endings import awkward_endings
from crash_lab.scenarios.broker_outages import broker_outages
from crash_lab.scenarios.database_restarts import database_restarts
from crash_lab.scenarios.deploy import deploy
from crash_lab.scenarios.forgetful_provider import forgetful_provider
from crash_lab.scenarios.forgotten_queue import forgotten_queue
from crash_lab.scenarios.frozen_worker import frozen_worker
from crash_lab.scenarios.poison import poison
from crash_lab.scenarios.random_kills import random_kills

Scenario = Callable[[Lab, Account], None]
# docs/crash_lab.md tells what each proves, under these numbers.
SCENARIOS: dict[int, Scenario] = {
    1: random_kills,
    2: broker_outages,
    3: database_restarts,
    4: poison,
    5: frozen_worker,
    6: deploy,
    7: forgetful_provider,
    8: forgotten_queue,
    9: awkward_endings,
}
