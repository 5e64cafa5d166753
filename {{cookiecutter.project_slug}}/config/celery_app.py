"""The class of the project's Celery apps, and whose their brokers are."""

from collections.abc import Callable

from django.conf import settings

from patterns.brokers.app import GuardedCelery
from patterns.brokers.owner import Owner
from patterns.brokers.server import EVICTS
from patterns.durable_tasks.app import DurableCelery


class ProjectCelery(DurableCelery, GuardedCelery):
    """Durable tasks first: only what is published comes to the guard of the broker."""


def owner(name: str) -> Callable[[], Owner]:
    """Return what says who an app is, once Django's settings can be read."""
    return lambda: Owner(f"{settings.PROJECT['slug']}.{name}", settings.ENVIRONMENT)


def may_evict() -> bool:
    """Whether the check of it is silenced; then no process refuses to start for it either."""
    return EVICTS in settings.SILENCED_SYSTEM_CHECKS
