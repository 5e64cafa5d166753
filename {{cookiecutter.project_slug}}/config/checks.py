"""System checks of what would otherwise go wrong in silence. Run by every `manage.py` command."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.celery import app
from config.processes import PROCESSES
from config.queues import APPS, SHOP

Apps = Sequence[AppConfig] | None
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672}  # of others, Redis's


@register
def check_tasks(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E001`: a task names no declared queue."""
    try:
        app.autodiscover_tasks(force=True)
        for task in app.tasks.values():
            SHOP.require_of(task)
    except ValueError as error:
        return [Error(str(error), hint="Queues are declared in config/queues.py.", id="shop.E001")]
    return []


@register
def check_processes(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E002`, `shop.E003`: a queue without a worker, or a Procfile that is out of date."""
    declared = [queue for queues in APPS for queue in queues]
    unserved = [queue for queue in declared if PROCESSES.get(queue.process) != queue.command]
    found: list[CheckMessage] = [
        Error(
            f"Queue {queue.name!r} has no worker in config/processes.py.",
            hint=f"Add the process {queue.process}: {queue.command}",
            id="shop.E002",
        )
        for queue in unserved
    ]
    procfile = settings.BASE_DIR / "Procfile"
    if procfile.exists() and read_procfile(procfile.read_text(encoding="utf-8")) != PROCESSES:
        found.append(
            Error(
                "The Procfile is not what config/processes.py says.",
                hint="Run `python manage.py procfile > Procfile`.",
                id="shop.E003",
            )
        )
    return found


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


def read_procfile(text: str) -> dict[str, str]:
    """Return a Procfile's processes; empty lines and comments are left out."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): command.strip() for name, command in pairs}
