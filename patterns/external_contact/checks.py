"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from . import configuration
from .addresses import read

MIDDLEWARE = f"{__package__}.middleware.ExternalContactMiddleware"


@register("external_contact")
def check_external_contact(**kwargs: Any) -> list[CheckMessage]:
    """Return what keeps the tripwire from seeing what it should."""
    return [*wrong_settings(), *wrong_addresses(), *wrong_middleware()]


@register("external_contact", deploy=True)
def check_mode(**kwargs: Any) -> list[CheckMessage]:
    """`external_contact.W002`: a customer's request fails where a developer's should."""
    if configuration.mode() != "raise" or settings.DEBUG:
        return []
    return [
        Warning(
            'EXTERNAL_CONTACT_MODE is "raise": a contact ends a customer\'s request.',
            hint='Set it to "log" in production, where each contact is counted and told.',
            id="external_contact.W002",
        )
    ]


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, or have no meaning."""
    for name in dir(settings):
        if name.startswith("EXTERNAL_CONTACT") and name not in configuration.NAMES:
            yield Error(
                f"{name} is no setting of the external contact's tripwire.",
                hint=f"The settings are {', '.join(configuration.NAMES)}.",
                id="external_contact.E001",
            )
    if configuration.mode() not in configuration.MODES:
        yield Error(
            f"EXTERNAL_CONTACT_MODE is {configuration.mode()!r}.",
            hint=f"Set one of {', '.join(configuration.MODES)}.",
            id="external_contact.E002",
        )


def wrong_addresses() -> Iterator[CheckMessage]:
    """What is declared and leads nowhere: a contact of it would be refused all the same."""
    for each in configuration.allowed():
        if not isinstance(each, str) or "://" in each or read(each) is None:
            yield Error(
                f"EXTERNAL_CONTACT_ALLOWED has {each!r}, which is no address.",
                hint='Write "host:port", or the path of a socket.',
                id="external_contact.E003",
            )
    for name in configuration.brokers():
        if not hasattr(settings, name):
            yield Error(
                f"EXTERNAL_CONTACT_BROKERS names the setting {name!r}, which there is not.",
                hint=f"Name the settings that hold the brokers' URLs{_brokers_here()}.",
                id="external_contact.E004",
            )


def _brokers_here() -> str:
    """Return the settings that look like it: with a namespace of Celery's, CELERY_BROKER_URL."""
    found = [name for name in dir(settings) if name.endswith("BROKER_URL")]
    return f": {', '.join(found)}, perhaps" if found else ""


def wrong_middleware() -> Iterator[CheckMessage]:
    """A middleware that is not there, or comes too late to see all of a request."""
    if configuration.mode() == "off":
        yield Warning(
            'EXTERNAL_CONTACT_MODE is "off": a request may contact anything unnoticed.',
            hint='Set it to "raise" in development and tests, and to "log" in production.',
            id="external_contact.W003",
        )
    elif MIDDLEWARE not in settings.MIDDLEWARE:
        yield Error(
            "A request may contact anything unnoticed: the middleware is not in MIDDLEWARE.",
            hint=f"Put {MIDDLEWARE!r} first.",
            id="external_contact.E005",
        )
    elif settings.MIDDLEWARE[0] != MIDDLEWARE:
        before = ", ".join(settings.MIDDLEWARE[: settings.MIDDLEWARE.index(MIDDLEWARE)])
        yield Warning(
            f"What {before} may contact is not seen: it comes before {MIDDLEWARE}.",
            hint="Put that one first in MIDDLEWARE.",
            id="external_contact.W001",
        )
