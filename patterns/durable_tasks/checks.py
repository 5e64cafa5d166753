"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from celery import Celery, current_app
from celery.utils.imports import symbol_by_name
from django.conf import settings
from django.core import mail
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections, router
from psycopg import IsolationLevel

from . import configuration
from .app import DurableCelery
from .consumer import DurableConsumer
from .models import TaskRow
from .other_app_checks import wrong_other_apps
from .task import DurableTask
from .worker import REFUSED_POOLS

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
STRICTER = re.compile(r"default_transaction_isolation\s*=\s*'?(?:repeatable|serializable)\w*", re.I)


@register("durable_tasks")
def check_durable_tasks(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of durable tasks."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy
    found = [*wrong_settings(), *wrong_database(), *wrong_queues(), *wrong_app(app)]
    if any(each.id == "durable_tasks.E008" for each in found):
        return found  # such an app has no durable tasks, and this message says so
    return [*found, *wrong_tasks(app), *wrong_other_apps(app)]


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, or no positive number."""
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in configuration.NAMES:
            close = get_close_matches(name, configuration.NAMES, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            yield Error(
                f"{name} is no setting of durable tasks, and has no effect.",
                hint=f"{meant}The settings are {', '.join(configuration.NAMES)}.",
                id="durable_tasks.E001",
            )
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
    yield from wrong_words()


def wrong_words() -> Iterator[CheckMessage]:
    """What would redact everything, or nothing."""
    words = getattr(settings, "DURABLE_TASKS_REDACT", ("password",))
    if isinstance(words, str) or not all(isinstance(each, str) and each for each in words):
        yield Error(
            f"DURABLE_TASKS_REDACT is {words!r}.",
            hint='Set a tuple of words, as ("password", "token"); none of them empty.',
            id="durable_tasks.E003",
        )


def wrong_database() -> Iterator[CheckMessage]:
    """A database that is not there, not PostgreSQL, or not the one that the models go to."""
    alias = configuration.database()
    for name in ("DURABLE_TASKS_DATABASE", "DURABLE_TASKS_LISTEN_DATABASE"):
        named = getattr(settings, name, None) or "default"
        if named not in connections.settings:
            yield Error(
                f"{name} is {named!r}, which DATABASES does not have.",
                hint=f"DATABASES has {', '.join(connections.settings)}.",
                id="durable_tasks.E004",
            )
    if alias not in connections.settings:
        return
    if connections[alias].vendor != "postgresql":
        yield Error(
            f"Database {alias!r} is {connections[alias].display_name}, not PostgreSQL.",
            hint="Set DURABLE_TASKS_DATABASE to the alias of a PostgreSQL database.",
            id="durable_tasks.E005",
        )
    else:
        yield from wrong_isolation(alias)
    yield from wrong_pool(alias)
    routed = router.db_for_write(TaskRow)
    if routed != alias or not router.allow_migrate_model(alias, TaskRow):
        yield Error(
            f"The database routers send durable tasks to {routed!r}, or have no tables made in"
            f" {alias!r}; DURABLE_TASKS_DATABASE is {alias!r}.",
            hint="Let the routers answer with that alias for the app label durable_tasks, also in"
            " allow_migrate().",
            id="durable_tasks.E006",
        )


def wrong_pool(alias: str) -> Iterator[CheckMessage]:
    """Django's pool: a worker's processes would share its sessions, and none is anybody's own."""
    for name in dict.fromkeys((alias, configuration.listening_database())):
        options = connections.settings.get(name, {}).get("OPTIONS") or {}
        if options.get("pool"):
            yield Error(
                f'Database {name!r} has OPTIONS["pool"]: processes that a worker forks would write'
                " into each other's sessions, a lease would wait for a free one, and LISTEN would"
                " stay on one that others use.",
                hint='Remove "pool" and set CONN_MAX_AGE; for fewer connections use PgBouncer.'
                " Where only web processes shall have a pool, set it in settings of their own and"
                " silence this there (SILENCED_SYSTEM_CHECKS).",
                id="durable_tasks.E016",
            )


def wrong_isolation(alias: str) -> Iterator[CheckMessage]:
    """An isolation under which a run cannot end once its lease has been renewed beside it."""
    options = connections[alias].settings_dict.get("OPTIONS") or {}
    level = int(options.get("isolation_level", IsolationLevel.READ_COMMITTED))
    named = STRICTER.search(str(options.get("options") or ""))
    if named or level > IsolationLevel.READ_COMMITTED:
        told = named[0] if named else f"isolation_level {IsolationLevel(level).name}"
        yield Error(
            f"DATABASES[{alias!r}]['OPTIONS'] has {told}: the row of a task that runs for longer"
            " than a third of its lease is renewed meanwhile, so that the task's own transaction"
            " would fail each time.",
            hint="Leave it at READ COMMITTED, and ask for more where it is needed (SET TRANSACTION"
            " ISOLATION LEVEL ... in a task with atomic = False, or another alias).",
            id="durable_tasks.E017",
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


def wrong_app(app: Celery) -> Iterator[CheckMessage]:
    """A Celery app that goes past the rows."""
    if not (isinstance(app, DurableCelery) and issubclass(app.Task, DurableTask)):
        yield Error(
            f"The Celery app {app.main!r} is no DurableCelery whose base task is a DurableTask:"
            " its tasks are not durable.",
            hint='app = DurableCelery("...", task_cls="<your base class, of DurableTask>"),'
            " imported by the project's __init__.py.",
            id="durable_tasks.E008",
        )
    if not issubclass(symbol_by_name(app.conf.worker_consumer), DurableConsumer):
        yield Error(
            f"worker_consumer is {app.conf.worker_consumer}: a message that cannot be read is"
            " lost, or ends the worker.",
            hint="Remove the setting (DurableCelery has the right one), or derive your class from"
            " DurableConsumer.",
            id="durable_tasks.E009",
        )
    if any(refused in str(app.conf.worker_pool).lower() for refused in REFUSED_POOLS):
        yield Error(
            f"worker_pool is {app.conf.worker_pool}: it has no process that could end with its"
            " task.",
            hint="Use the prefork or the solo pool.",
            id="durable_tasks.E010",
        )
    if not {"json", "application/json"} & set(app.conf.accept_content or ()):
        yield Error(
            f"accept_content is {app.conf.accept_content}: workers refuse the relay's messages.",
            hint='Add "json".',
            id="durable_tasks.E011",
        )
    if (app.conf.broker_transport_options or {}).get("global_keyprefix"):
        yield Error(
            "broker_transport_options has global_keyprefix: kombu looks for queues without it when"
            " their messages are counted, so every message would count as lost.",
            hint="Remove it, and give each app a broker of its own.",
            id="durable_tasks.E018",
        )
    if app.conf.task_always_eager and not _in_tests():
        yield Error(
            "task_always_eager is on: tasks run inside their callers, and none is durable.",
            hint="Turn it off; in tests use testing.run_enqueued().",
            id="durable_tasks.E019",
        )
    yield from weak_app(app)


def weak_app(app: Celery) -> Iterator[CheckMessage]:
    """What works, and not as one thinks."""
    if str(app.conf.result_backend or "").startswith("rpc"):
        yield Warning(
            "The rpc:// result backend answers the process that sent the message: the relay.",
            hint="Write the result into the database, or use another backend.",
            id="durable_tasks.W003",
        )
    if not app.conf.get("CELERY_DB_REUSE_MAX"):
        yield Warning(
            "CELERY_DB_REUSE_MAX is not set: Celery connects to the database anew for each task.",
            hint="Set CELERY_DB_REUSE_MAX = 10_000 where the Celery app reads its settings.",
            id="durable_tasks.W004",
        )


def wrong_tasks(app: Celery) -> Iterator[CheckMessage]:
    """Tasks that were refused at their definition, or are not what they seem."""
    tasks, error = _tasks_of(app)
    refused = [error, *(_refusal_of(task, app) for task in tasks)]
    for told in dict.fromkeys(filter(None, refused)):
        yield Error(told, hint="Change the task's definition.", id="durable_tasks.E012")
    ours = [task for task in tasks if not task.name.startswith("celery.")]
    for task in ours:
        if not isinstance(task, DurableTask):
            yield Warning(
                f"Task {task.name} has a base class of its own, {type(task).__mro__[1].__name__},"
                " and is not durable.",
                hint="Derive that class from DurableTask; durable = False if it may be lost.",
                id="durable_tasks.W005",
            )
    if unlimited := sorted(each.name for each in ours if _is_unlimited(each)):
        yield Warning(
            f"No time_limit on {', '.join(unlimited[:5])}{' ...' * (len(unlimited) > 5)}: a task"
            " that hangs keeps its process for ever.",
            hint="Set time_limit on the tasks or their base, or task_time_limit.",
            id="durable_tasks.W006",
        )


def _tasks_of(app: Celery) -> tuple[list[Any], str]:
    """Return the tasks, and what keeps some from being read.

    Celery raises at a refused definition once, and lists the task from then on. Which check reads
    the tasks first is chance, so only what is raised again is told here.
    """
    before = ""
    while (error := _error_of_reading(app)) != before:
        before = error
    return list(app.tasks.values()), error


def _error_of_reading(app: Celery) -> str:
    try:
        app.autodiscover_tasks(force=True)
        app.finalize(auto=True)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _refusal_of(task: Any, app: Celery) -> str:
    """Return why a task's base refuses it, as it did when the task was defined; "" if not."""
    try:
        if isinstance(task, DurableTask):
            task.on_bound(app)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _in_tests() -> bool:
    """Tell whether Django's test environment is set up: that is what puts the outbox there."""
    return hasattr(mail, "outbox")


def _is_unlimited(task: Any) -> bool:
    return isinstance(task, DurableTask) and task.durable and not task.time_limit


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
