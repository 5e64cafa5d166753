"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections, router

from . import configuration
from .models import Effect

# The far side's memory is counted in hours or days: a record that ends with it protects nobody.
SHORTEST_KEEP_DAYS = 7


@register("idempotency")
def check_idempotency(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of the ledger."""
    return [*wrong_settings(), *wrong_database()]


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, empty, or no sensible number."""
    for name in dir(settings):
        if name.startswith("IDEMPOTENCY_") and name not in configuration.NAMES:
            yield Error(
                f"{name} is no setting of the ledger.",
                hint=f"The settings are {', '.join(configuration.NAMES)}.",
                id="idempotency.E001",
            )
    days = getattr(settings, "IDEMPOTENCY_KEEP_DAYS", SHORTEST_KEEP_DAYS)
    if isinstance(days, bool) or not isinstance(days, int | float) or days <= 0:
        yield Error(
            f"IDEMPOTENCY_KEEP_DAYS is {days!r}.",
            hint="Set a number of days greater than 0, or leave it out for 365.",
            id="idempotency.E002",
        )
    elif days < SHORTEST_KEEP_DAYS:
        yield Warning(
            f"Results are kept for {days} days: a task replayed later does its effect again.",
            hint=f"Set IDEMPOTENCY_KEEP_DAYS to {SHORTEST_KEEP_DAYS} at least; 365 is the default.",
            id="idempotency.W001",
        )
    if not configuration.queue().strip():
        yield Error(
            "IDEMPOTENCY_QUEUE is empty: no worker would clean up.",
            hint='Name a queue that has a worker, "default" by default.',
            id="idempotency.E003",
        )


def wrong_database() -> Iterator[CheckMessage]:
    """A database that cannot do what the statements say."""
    database = router.db_for_write(Effect)
    if connections[database].vendor != "postgresql":
        yield Error(
            f"The ledger is kept in database {database!r}, which is not PostgreSQL.",
            hint="Use PostgreSQL, or route the app `idempotency` to a database that is.",
            id="idempotency.E004",
        )
