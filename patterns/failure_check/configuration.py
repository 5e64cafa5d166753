"""The settings, their defaults, and why each default is what it is.

Read when they are used, so that a test can override them.
"""

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

# What any project with a database, beat and workers has.
CHECKS = (
    f"{__package__}.processes.silent",
    f"{__package__}.postgres.old_transactions",
    f"{__package__}.postgres.many_connections",
)


def checks() -> tuple[str, ...]:
    """Return the dotted paths of the checks, each `() -> Iterable[Problem]`."""
    return _paths("FAILURE_CHECKS", CHECKS)


def notify() -> tuple[str, ...]:
    """Return the dotted paths of `notify(problem)`, told besides the mail and the log."""
    return _paths("FAILURE_CHECK_NOTIFY", ())


def gauges() -> str:
    """Return the dotted path of `() -> {name: number}`, sampled at each run; "" for none."""
    return str(getattr(settings, "FAILURE_CHECK_GAUGES", ""))


def database() -> str:
    """Return the alias of the database that holds alarms and heartbeats."""
    return str(getattr(settings, "FAILURE_CHECK_DATABASE", "default"))


def state_file() -> Path | None:
    """Return where alarms are kept while the database is away; None: in the process's memory."""
    path = str(getattr(settings, "FAILURE_CHECK_STATE_FILE", ""))
    return Path(path) if path else None


def period_seconds() -> float:
    """Return how often the checks run: a minute costs little, and is soon enough for a person."""
    return float(getattr(settings, "FAILURE_CHECK_PERIOD_SECONDS", 60))


def remind_seconds() -> float:
    """Return when an alarm that still holds is told again: each working day."""
    return float(getattr(settings, "FAILURE_CHECK_REMIND_SECONDS", 86_400))


def timeout_seconds() -> float:
    """Return how long a check, or one path by which alarms are told, may take."""
    return float(getattr(settings, "FAILURE_CHECK_TIMEOUT_SECONDS", 10))


def ping_url() -> str:
    """Return what is asked for while all is clear, so that an outside monitor sees that it ends."""
    return str(getattr(settings, "FAILURE_CHECK_PING_URL", ""))


def heartbeats() -> Mapping[str, float]:
    """Return how long each process that must run may be silent: four missed beats are no chance."""
    return dict(getattr(settings, "FAILURE_CHECK_HEARTBEATS", {"beat": 20}))


def worker_silence_seconds() -> float:
    """Return how long a worker may be silent. A restart is quicker."""
    return float(getattr(settings, "FAILURE_CHECK_WORKER_SILENCE_SECONDS", 20))


def full_share() -> float:
    """Return from what share on memory or connections are nearly used up: time is left to act."""
    return float(getattr(settings, "FAILURE_CHECK_FULL_SHARE", 0.8))


def transaction_seconds() -> float:
    """Return how old a transaction may be: until its end vacuum frees nothing that died since."""
    return float(getattr(settings, "FAILURE_CHECK_TRANSACTION_SECONDS", 900))


def mailer() -> str:
    """Return the alias in Django 6.1's MAILERS that mails past any queue."""
    return str(getattr(settings, "FAILURE_CHECK_MAILER", "delivery"))


def _paths(name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = getattr(settings, name, default)
    # ("path") without its comma is one path and not its letters; what is none is refused by E003.
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


# Everything above; a name that begins the same and is not here is a typo (see checks.py).
NAMES = (
    "FAILURE_CHECKS",
    "FAILURE_CHECK_NOTIFY",
    "FAILURE_CHECK_GAUGES",
    "FAILURE_CHECK_DATABASE",
    "FAILURE_CHECK_STATE_FILE",
    "FAILURE_CHECK_PERIOD_SECONDS",
    "FAILURE_CHECK_REMIND_SECONDS",
    "FAILURE_CHECK_TIMEOUT_SECONDS",
    "FAILURE_CHECK_PING_URL",
    "FAILURE_CHECK_HEARTBEATS",
    "FAILURE_CHECK_WORKER_SILENCE_SECONDS",
    "FAILURE_CHECK_FULL_SHARE",
    "FAILURE_CHECK_TRANSACTION_SECONDS",
    "FAILURE_CHECK_MAILER",
)
