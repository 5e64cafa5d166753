"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from . import configuration

NUMBERS = [name for name in configuration.NAMES if name.endswith(("_SECONDS", "_SHARE"))]


@register("failure_check")
def check_failure_check(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of the failure check."""
    return [*wrong_settings(), *wrong_paths(), *wrong_database()]


@register("failure_check", deploy=True)
def check_somebody_is_told(**kwargs: Any) -> list[CheckMessage]:
    """`failure_check.W001`, `W002`: alarms that reach nobody, or that each process tells anew."""
    found: list[CheckMessage] = []
    if not settings.ADMINS and not configuration.notify():
        found.append(
            Warning(
                "Alarms reach nobody: ADMINS is empty, and so is FAILURE_CHECK_NOTIFY.",
                hint="Set ADMINS to the addresses of those on call.",
                id="failure_check.W001",
            )
        )
    if configuration.state_file() is None:
        found.append(
            Warning(
                "FAILURE_CHECK_STATE_FILE is not set: with the database away, each process tells.",
                hint="Name a file in a folder that beat and the relay may write.",
                id="failure_check.W002",
            )
        )
    return found


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, or no sensible number."""
    for name in dir(settings):
        if name.startswith("FAILURE_CHECK") and name not in configuration.NAMES:
            yield Error(
                f"{name} is no setting of the failure check.",
                hint=f"The settings are {', '.join(configuration.NAMES)}.",
                id="failure_check.E001",
            )
    for name in NUMBERS:
        value = getattr(settings, name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield Error(
                f"{name} is {value!r}.",
                hint="Set a number greater than 0, or leave it out for the default.",
                id="failure_check.E002",
            )


def wrong_paths() -> Iterator[CheckMessage]:
    """Dotted paths that lead nowhere: the check would fail, or nobody be told."""
    for path in (*configuration.checks(), *configuration.notify(), configuration.gauges()):
        try:
            if path and not callable(import_string(path)):
                raise ImportError(f"{path} cannot be called.")
        except Exception as error:  # whatever its module raises
            yield Error(
                f"{path} is no function: {error}",
                hint="Correct it in FAILURE_CHECKS, _NOTIFY or _GAUGES.",
                id="failure_check.E003",
            )
    if configuration.ping_url() and not configuration.ping_url().startswith(("http:", "https:")):
        yield Error(
            "FAILURE_CHECK_PING_URL is no http:// or https:// address.",
            hint="Write the whole address that your monitor gave you.",
            id="failure_check.E004",
        )


def wrong_database() -> Iterator[CheckMessage]:
    """A database that cannot do what the statements say."""
    database = configuration.database()
    if database not in connections or connections[database].vendor != "postgresql":
        yield Error(
            f"FAILURE_CHECK_DATABASE is {database!r}, which is no PostgreSQL of DATABASES.",
            hint="Name one that is.",
            id="failure_check.E005",
        )
