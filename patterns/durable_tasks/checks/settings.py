"""System checks of the settings: names, numbers, words and caps."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from .. import configuration

PREFIX = "DURABLE_TASKS_"
WHOLE_NUMBERS = (
    *("DURABLE_TASKS_MAX_ARGUMENT_BYTES", "DURABLE_TASKS_WINDOW", "DURABLE_TASKS_HISTORY_DAYS"),
)
NUMBERS = (
    *WHOLE_NUMBERS,
    *("DURABLE_TASKS_LEASE_SECONDS", "DURABLE_TASKS_PUBLICATION_LEASE_SECONDS"),
    *("DURABLE_TASKS_UNKNOWN_TASK_SECONDS", "DURABLE_TASKS_POLL_SECONDS"),
)
# A lease is renewed at a third of it, by a connection that may take three seconds to be made.
SHORTEST_LEASE_SECONDS = 10
AT_CAP = ("refuse", "alarm")


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, no positive number, or no words."""
    yield from misspelt_names()
    yield from wrong_numbers()
    yield from wrong_words()


def misspelt_names() -> Iterator[CheckMessage]:
    """What has no effect."""
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in configuration.NAMES:
            close = get_close_matches(name, configuration.NAMES, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            yield Error(
                f"{name} is no setting of durable tasks, and has no effect.",
                hint=f"{meant}The settings are {', '.join(configuration.NAMES)}.",
                id="durable_tasks.E001",
            )


def wrong_numbers() -> Iterator[CheckMessage]:
    """What is no positive number, and leases that end under a process that is well."""
    for name in NUMBERS:
        value = getattr(settings, name, 1)
        kinds = int if name in WHOLE_NUMBERS else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < 1e9:
            yield Error(
                f"{name} is {value!r}.",
                hint="Set a number greater than 0, or leave it out for the default.",
                id="durable_tasks.E002",
            )
        elif "LEASE" in name and hasattr(settings, name) and value < SHORTEST_LEASE_SECONDS:
            yield Warning(
                f"{name} is {value} s: a busy machine, or a database that restarts, takes longer,"
                " and tasks would be taken from processes that are well.",
                hint=f"Set {SHORTEST_LEASE_SECONDS} or more.",
                id="durable_tasks.W001",
            )


def wrong_words() -> Iterator[CheckMessage]:
    """What would redact everything, or nothing."""
    words = getattr(settings, "DURABLE_TASKS_REDACT", ("password",))
    if isinstance(words, str) or not all(isinstance(each, str) and each for each in words):
        yield Error(
            f"DURABLE_TASKS_REDACT is {words!r}.",
            hint='Set a tuple of words, as ("password", "token"); none of them empty.',
            id="durable_tasks.E003",
        )


def wrong_queues() -> Iterator[CheckMessage]:
    """Caps that say nothing."""
    queues = getattr(settings, "DURABLE_TASKS_QUEUES", {})
    entries = queues.items() if isinstance(queues, dict) else [(queues, None)]
    for name, entry in entries:
        if fault := _fault_of_entry(entry):
            yield Error(
                f"DURABLE_TASKS_QUEUES: {name!r}: {fault}.",
                hint='It is {"mail": {"cap": 1_000_000, "at_cap": "refuse"}}; at_cap may be'
                ' "alarm".',
                id="durable_tasks.E007",
            )


def _fault_of_entry(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "no dict"
    if unknown := entry.keys() - {"cap", "at_cap"}:
        return f"{', '.join(sorted(map(str, unknown)))} is not known"
    cap = entry.get("cap", 1)
    if isinstance(cap, bool) or not isinstance(cap, int) or cap <= 0:
        return f"a cap of {cap!r} is no number of rows"
    if entry.get("at_cap", "alarm") not in AT_CAP:
        return f"at_cap is {entry['at_cap']!r}"
    return ""
