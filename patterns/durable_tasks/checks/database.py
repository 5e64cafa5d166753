"""System checks of the database: that it is there, that it is PostgreSQL, and how it is used."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connections, router
from psycopg import IsolationLevel

from .. import configuration
from ..models import TaskRow

STRICTER = re.compile(r"default_transaction_isolation\s*=\s*'?(?:repeatable|serializable)\w*", re.I)


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
    yield from wrong_vendor(alias)
    yield from wrong_pool(alias)
    yield from wrong_routes(alias)


def wrong_vendor(alias: str) -> Iterator[CheckMessage]:
    """A database that is not PostgreSQL, or is one whose isolation is too strict."""
    if connections[alias].vendor != "postgresql":
        yield Error(
            f"Database {alias!r} is {connections[alias].display_name}, not PostgreSQL.",
            hint="Set DURABLE_TASKS_DATABASE to the alias of a PostgreSQL database.",
            id="durable_tasks.E005",
        )
    else:
        yield from wrong_isolation(alias)


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


def wrong_routes(alias: str) -> Iterator[CheckMessage]:
    """Routers that know nothing of the alias."""
    routed = router.db_for_write(TaskRow)
    if routed != alias or not router.allow_migrate_model(alias, TaskRow):
        yield Error(
            f"The database routers send durable tasks to {routed!r}, or have no tables made in"
            f" {alias!r}; DURABLE_TASKS_DATABASE is {alias!r}.",
            hint="Let the routers answer with that alias for the app label durable_tasks, also in"
            " allow_migrate().",
            id="durable_tasks.E006",
        )
