"""The settings, their defaults, and why each default is what it is.

Read when first used, and anew when a test overrides one (`override_settings`).
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

LONGEST_DAYS = 36_500  # a century before now is still a date


def database() -> str:
    """Return the alias of the one database that holds the rows, and whose commits enqueue."""
    return str(_setting("DURABLE_TASKS_DATABASE", "default"))


def listening_database() -> str:
    """Return the alias over which the relay listens: a direct one, where the other is a pooler."""
    return str(_setting("DURABLE_TASKS_LISTEN_DATABASE", None) or database())


def max_argument_bytes() -> int:
    """Return how large a task's arguments may be: a row's page holds them, a log can show them."""
    return int(_setting("DURABLE_TASKS_MAX_ARGUMENT_BYTES", 65_536))


def window() -> int:
    """Return how many unstarted messages of a queue the broker holds: a second's work or so."""
    return int(_setting("DURABLE_TASKS_WINDOW", 250))


def lease_seconds() -> float:
    """Return how long a claim lasts; renewed at a third of it, so that two renewals may fail."""
    return float(_setting("DURABLE_TASKS_LEASE_SECONDS", 60))


def publication_lease_seconds() -> float:
    """Return when a published message that did not start a task is looked for."""
    return float(_setting("DURABLE_TASKS_PUBLICATION_LEASE_SECONDS", 30))


def unknown_task_seconds() -> float:
    """Return how long a task waits for a worker that knows it: a slow deploy's length."""
    return float(_setting("DURABLE_TASKS_UNKNOWN_TASK_SECONDS", 3600))


def poll_seconds() -> float:
    """Return how often the relay looks where nothing wakes it; also how soon it sees SIGTERM."""
    return float(_setting("DURABLE_TASKS_POLL_SECONDS", 0.5))


def queues() -> dict[str, dict[str, Any]]:
    """Return what is set about queues: {"mail": {"cap": 100_000, "at_cap": "refuse"}}."""
    return dict(_setting("DURABLE_TASKS_QUEUES", ()))


def cleanup_queue() -> str:
    """Return the queue of this pattern's own clean-up task."""
    return str(_setting("DURABLE_TASKS_QUEUE", "default"))


def history_days() -> int:
    """Return how long it is known what became of a failed task: a month answers most questions."""
    return min(int(getattr(settings, "DURABLE_TASKS_HISTORY_DAYS", 30)), LONGEST_DAYS)


def other_apps() -> dict[str, str]:
    """Return the dotted path of the Celery app of each queue that is not the current app's."""
    return dict(getattr(settings, "DURABLE_TASKS_OTHER_APPS", {}))


def redacted_names() -> tuple[str, ...]:
    """Return the words that make an argument's value a secret, wherever its name holds one."""
    words = ("password", "passwd", "secret", "token", "api_key", "authorization", "cookie")
    return tuple(_setting("DURABLE_TASKS_REDACT", words))


@cache
def _setting(name: str, default: Any) -> Any:
    # Django looks a setting that is not there up in several places, each time.
    return getattr(settings, name, default)


def _forget(**_: Any) -> None:
    _setting.cache_clear()


setting_changed.connect(_forget)


# Everything above; a name that begins the same and is not here is a typo (see checks/settings.py).
NAMES = (
    "DURABLE_TASKS_DATABASE",
    "DURABLE_TASKS_LISTEN_DATABASE",
    "DURABLE_TASKS_MAX_ARGUMENT_BYTES",
    "DURABLE_TASKS_WINDOW",
    "DURABLE_TASKS_LEASE_SECONDS",
    "DURABLE_TASKS_PUBLICATION_LEASE_SECONDS",
    "DURABLE_TASKS_UNKNOWN_TASK_SECONDS",
    "DURABLE_TASKS_POLL_SECONDS",
    "DURABLE_TASKS_QUEUES",
    "DURABLE_TASKS_QUEUE",
    "DURABLE_TASKS_HISTORY_DAYS",
    "DURABLE_TASKS_REDACT",
    "DURABLE_TASKS_OTHER_APPS",
)
