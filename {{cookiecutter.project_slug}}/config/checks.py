"""System checks of what would otherwise go wrong in silence. Run by every `manage.py` command."""

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from celery.app.defaults import NAMESPACES, flatten
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config import celery_settings
from config.celery import app
from config.queues import VISIBILITY_TIMEOUT_SECONDS

Apps = Sequence[AppConfig] | None
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672}  # of others, Redis's


@register
def check_tasks(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E005` and `E009`: a task that runs twice at once, or that nobody keeps."""
    try:
        app.autodiscover_tasks(force=True)
        tasks = list(app.tasks.values())
    except ValueError:
        return []  # one is refused at its definition, and the checks of the queues say why
    return [error for task in tasks for error in (*check_base(task), *check_absence(task))]


def check_base(task: Any) -> list[CheckMessage]:
    """`shop.E009`: a task with another base than the shop's: it can be lost, and nobody said so."""
    if is_ours(task):
        return []
    return [
        Error(
            f"Task {task.name} is no config.base_task.ShopTask: neither durable nor retried.",
            hint="Remove base=... from its decorator; durable=False makes it an ordinary task.",
            id="shop.E009",
        )
    ]


def check_absence(task: Any) -> list[CheckMessage]:
    """`shop.E005`: the broker hands out a plain task again while its retry still waits or runs."""
    timeout = VISIBILITY_TIMEOUT_SECONDS
    if not is_ours(task) or task.durable or task.longest_absence_seconds() < timeout:
        return []
    return [
        Error(
            f"Task {task.name} may be away for {task.longest_absence_seconds():.0f} s, and the"
            f" broker hands it out again after {timeout} s: it would run twice at once.",
            hint="Raise VISIBILITY_TIMEOUT_SECONDS in config/queues.py, or lower the"
            " task's backoff_cap_seconds or time_limit.",
            id="shop.E005",
        )
    ]


@register
def check_brokers(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E004`: two apps share a broker, be it by two databases of one server."""
    addresses = {
        name: broker_address(getattr(settings, name))
        for name in dir(settings)
        if name.endswith("BROKER_URL")
    }
    return [
        Error(
            f"{one} and {other} are the same broker.",
            hint="Give each app a server of its own, not a database: a flood of one would stop the"
            " other.",
            id="shop.E004",
        )
        for one, other in combinations(sorted(addresses, reverse=True), 2)
        if addresses[one] == addresses[other]
    ]


@register
def check_setting_names(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E006`: a name in config/celery_settings.py that Celery does not know, and ignores."""
    known = {entry[0] for entry in flatten(NAMESPACES)}
    ours = {name for name in vars(celery_settings) if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    return [
        Error(
            f"config/celery_settings.py sets {name!r}, which Celery does not know and ignores.",
            hint="Correct the name; what is no setting of Celery's is written in CAPITALS.",
            id="shop.E006",
        )
        for name in sorted(ours - known - {"annotations", "settings"})
    ]


def is_ours(task: object) -> bool:
    """Tell whether a task has the shop's base."""
    return isinstance(task, app.Task)


def broker_address(url: str) -> tuple[str, int]:
    """Return host and port of a broker, as one spelling, or the path of its socket.

    Not the database behind them: all of a server's share one memory, and one eviction.
    """
    parts = urlsplit(url)
    if parts.scheme.endswith(("+socket", "+unix")) or parts.scheme == "unix":
        return parts.path, 0
    host = parts.hostname or "127.0.0.1"
    here = {"localhost", "::1"}
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 6379)
    return "127.0.0.1" if host in here else host, port
