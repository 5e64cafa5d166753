"""System checks: what would mix brokers up. Those that ask a server are tagged `database`.

They ask where a database is named: by `manage.py check --database default`, and by Django before
`migrate`. A plain `manage.py check` asks no server: Django 5.2 runs them then too, naming no
database, and they return nothing; later versions leave them out. A server that does not answer is
no finding.
"""

import logging
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string

from . import handing, server
from .addresses import Address, addresses
from .app import GuardedCelery

logger = logging.getLogger(__name__)

OWN = "Give each app a server of its own, not a database: a flood of one would stop the other."


def paths() -> list[str]:
    """Return the dotted paths of the project's Celery apps."""
    return list(getattr(settings, "BROKERS_APPS", ()))


def apps() -> list[GuardedCelery]:
    """Return the apps. Raises ImportError, TypeError and ValueError for a wrong setting."""
    found = []
    for path in paths():
        app = import_string(path)
        if not isinstance(app, GuardedCelery):
            raise TypeError(f"{path} is no GuardedCelery.")
        str(app.guard.owner)  # raises ValueError for a name that is none
        found.append(app)
    return found


@register("brokers")
def check_brokers(**_: Any) -> list[CheckMessage]:
    """Return what the settings say: nothing is asked."""
    try:
        known = apps()
    except (ImportError, TypeError, ValueError) as error:
        hint = "BROKERS_APPS names the project's Celery apps, each made by GuardedCelery."
        return [Error(f"BROKERS_APPS: {error}", hint=hint, id="brokers.E001")]
    return [*_shared(known), *_with_caches(known), *_with_results(known)]


@register("brokers", Tags.database)
def check_servers(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Return what the brokers themselves say."""
    if not databases:
        return []
    try:
        known = apps()
    except (ImportError, TypeError, ValueError):
        return []  # brokers.E001
    return [error for app in known for ask in (_whose, _evicting) for error in ask(app)]


def _shared(known: list[GuardedCelery]) -> Iterator[CheckMessage]:
    """`brokers.E002`: two apps on one server, however it is spelt."""
    for one, other in combinations(known, 2):
        if _brokers(one) & _brokers(other):
            yield Error(
                f"{one.guard.setting} and {other.guard.setting} are the same broker.",
                hint=OWN,
                id="brokers.E002",
            )


def _with_caches(known: list[GuardedCelery]) -> Iterator[CheckMessage]:
    """`brokers.E003`: a cache fills the broker's memory, and wants it to evict."""
    caches: Mapping[str, Any] = settings.CACHES
    for app in known:
        for alias, cache in caches.items():
            if _brokers(app) & addresses(cache.get("LOCATION", "")):
                yield Error(
                    f"{app.guard.setting} and the cache {alias!r} are the same server.",
                    hint="Give the cache a server of its own: what it evicts would be tasks.",
                    id="brokers.E003",
                )


def _with_results(known: list[GuardedCelery]) -> Iterator[CheckMessage]:
    """`brokers.E004`: results that nobody reads fill the broker's memory."""
    for app in known:
        for other in known:
            backend = str(other.conf.result_backend or "")
            on_broker = backend.startswith("rpc") and other is app
            if on_broker or _brokers(app) & addresses(backend):
                yield Error(
                    f"{app.guard.setting} and the result backend of {other.main} are the same"
                    " server.",
                    hint="Give results a server of their own, or set no result_backend.",
                    id="brokers.E004",
                )


def _brokers(app: GuardedCelery) -> set[Address]:
    return addresses([app.conf.broker_write_url, app.conf.broker_read_url])


def _whose(app: GuardedCelery) -> Iterator[CheckMessage]:
    """`brokers.E005`: it is another's. Nothing is stamped: whoever checks is not yet at work."""
    try:
        refusal = handing.refusal(app)
    except Exception as error:  # whatever a transport raises
        logger.debug("The broker of %s is not asked whose it is: %s", app.main, error)
        return
    if refusal is not None:
        hint = f"Set {app.guard.setting} to this app's own broker; see `manage.py broker show`."
        yield Error(refusal, hint=hint, id="brokers.E005")


def _evicting(app: GuardedCelery) -> Iterator[CheckMessage]:
    """`brokers.E006`: it throws messages away."""
    try:
        fault = server.eviction_fault(app.guard)
    except Exception as error:
        logger.debug("The broker of %s is not asked whether it evicts: %s", app.main, error)
        return
    if fault is not None:
        hint = "`config set maxmemory-policy noeviction`, and the same in its configuration."
        yield Error(fault, hint=hint, id=server.EVICTS)
