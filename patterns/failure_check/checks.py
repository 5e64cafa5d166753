"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any
from weakref import ReferenceType

from celery import current_app, signals
from celery.utils.imports import symbol_by_name
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from . import configuration, mails

NUMBERS = [name for name in configuration.NAMES if name.endswith(("_SECONDS", "_SHARE"))]

STARTING = re.compile(r"(?:\w+\.)*Watch\(.*\)\.start", re.DOTALL)


@register("failure_check")
def check_failure_check(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of the failure check."""
    return [*wrong_settings(), *wrong_paths(), *wrong_database(), *unwatched()]


@register("failure_check", deploy=True)
def check_somebody_is_told(**kwargs: Any) -> list[CheckMessage]:
    """`failure_check.E008`, `W001`: alarms that reach nobody, or that each process tells anew."""
    found: list[CheckMessage] = []
    if obstacle := mails.obstacle():
        unreached = "nobody by mail" if configuration.notify() else "nobody"
        found.append(
            Error(
                f"Alarms reach {unreached}: {obstacle}.",
                hint="Set ADMINS to the addresses of those on call, and the mailer's host.",
                id="failure_check.E008",
            )
        )
    if configuration.state_file() is None:
        found.append(
            Warning(
                "FAILURE_CHECK_STATE_FILE is not set: with the database away, each process tells.",
                hint="Name a file in a folder that beat and the relay may write.",
                id="failure_check.W001",
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
                f"{path!r} is no dotted path of a function: {error}",
                hint="Correct it in FAILURE_CHECKS, _NOTIFY or _GAUGES.",
                id="failure_check.E003",
            )
    if configuration.ping_url() and not configuration.ping_url().startswith(("http:", "https:")):
        yield Error(
            "FAILURE_CHECK_PING_URL is no http:// or https:// address.",
            hint="Write the whole address that your monitor gave you.",
            id="failure_check.E004",
        )


def unwatched() -> Iterator[CheckMessage]:
    """Nothing that looks, or nothing that is looked for."""
    if not configuration.checks():
        yield Error(
            "FAILURE_CHECKS is empty: nothing is looked for, and all is always clear.",
            hint="Remove it, for the pattern's own checks, or name yours.",
            id="failure_check.E006",
        )
    # A project without beat has another process that watches, and says so in this setting.
    if "beat" in configuration.heartbeats() and not beat_watches():
        yield Error(
            "Beat runs no failure check: neither its scheduler,"
            f" {current_app.conf.beat_scheduler}, nor a receiver of beat_init starts a Watch.",
            hint='Let beat_scheduler name a class whose setup_schedule() calls Watch("beat")'
            '.start(), from .watch; where another process watches instead, take "beat" out of'
            " FAILURE_CHECK_HEARTBEATS.",
            id="failure_check.E007",
        )


def beat_watches() -> bool:
    """Tell whether what beat runs starts a `Watch`: in the modules of its scheduler's classes."""
    scheduler: type = symbol_by_name(current_app.conf.beat_scheduler)
    receivers = [receiver for _, receiver in signals.beat_init.receivers]
    living = [each() if isinstance(each, ReferenceType) else each for each in receivers]
    modules = {each.__module__ for each in (*scheduler.__mro__, *filter(None, living))}
    return any(starts_watch(module) for module in modules)


def starts_watch(module: str) -> bool:
    """Tell whether a module's source has `Watch(...).start()`."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):  # built in, or without a source
        return False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(STARTING.fullmatch(ast.unparse(call.func)) for call in calls)


def wrong_database() -> Iterator[CheckMessage]:
    """A database that cannot do what the statements say."""
    database = configuration.database()
    if database not in connections or connections[database].vendor != "postgresql":
        yield Error(
            f"FAILURE_CHECK_DATABASE is {database!r}, which is no PostgreSQL of DATABASES.",
            hint="Name one that is.",
            id="failure_check.E005",
        )
