"""The settings, and what they name. Read when they are used, so that a test can override them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .listed import Queues
from .process import Process
from .queue import Queue

NAMES = ("QUEUES_LISTS", "QUEUES_PROCESSES", "QUEUES_PROCFILE", "QUEUES_NAME")


class NotConfigured(ValueError):
    """A setting is missing, or what it names is not what it should be."""


def lists() -> tuple[Queues, ...]:
    """Return the lists of queues, one of each app."""
    return _named(getattr(settings, "QUEUES_LISTS", ""), "QUEUES_LISTS", Queues)


def queues() -> tuple[Queue, ...]:
    """Return the queues of all lists."""
    return tuple(queue for each in lists() for queue in each)


def processes() -> tuple[Process, ...]:
    """Return all that the project runs."""
    found = _named(getattr(settings, "QUEUES_PROCESSES", ""), "QUEUES_PROCESSES", Process)
    names = [process.name for process in found]
    if len(set(names)) != len(names):
        raise NotConfigured(f"QUEUES_PROCESSES names a process twice: {', '.join(names)}.")
    return found


def procfile() -> Path | None:
    """Return where the Procfile is, or None where there is none."""
    path = str(getattr(settings, "QUEUES_PROCFILE", ""))
    return Path(path) if path and Path(path).exists() else None


def name() -> str:
    """Return what the deployed processes are called."""
    return str(getattr(settings, "QUEUES_NAME", "app"))


def _named(path: str, setting: str, kind: type) -> tuple[Any, ...]:
    if not path:
        raise NotConfigured(f"{setting} is not set.")
    try:
        found = import_string(path)
    except ImportError as error:
        raise NotConfigured(f"{setting} is {path!r}, which cannot be imported: {error}") from error
    if not isinstance(found, Iterable) or not all(isinstance(each, kind) for each in found):
        raise NotConfigured(f"{setting} is {path!r}, which is no tuple of {kind.__name__}.")
    return tuple(found)
