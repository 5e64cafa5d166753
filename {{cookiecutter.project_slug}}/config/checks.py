"""System checks of what would otherwise go wrong in silence. Run by every `manage.py` command."""

import re
from collections.abc import Sequence
from typing import Any

from celery.app.defaults import NAMESPACES, flatten
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config import celery_settings
from config.celery import app
from config.processes import PROCESSES
from config.queues import APPS, SHOP, VISIBILITY_TIMEOUT_SECONDS

Apps = Sequence[AppConfig] | None


@register
def check_tasks(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E001`: a task names no declared queue or has no time limits; `shop.E005` and `E009`."""
    try:
        app.autodiscover_tasks(force=True)
        tasks = list(app.tasks.values())
        for task in tasks:
            SHOP.require_of(task)
    except ValueError as error:
        return [Error(str(error), hint="Queues are declared in config/queues.py.", id="shop.E001")]
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


def read_procfile(text: str) -> dict[str, str]:
    """Return a Procfile's processes; empty lines and comments are left out."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): command.strip() for name, command in pairs}
