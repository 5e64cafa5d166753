"""The settings, of the checks alone, and the Celery apps that they name."""

from collections.abc import Iterator
from typing import Any

from celery import Celery, current_app
from django.conf import settings
from django.utils.module_loading import import_string

NAMES = ("RETRYING_TASK_APPS", "RETRYING_TASK_EXEMPT", "RETRYING_TASK_CELERY_EXTRAS")


def paths() -> tuple[str, ...]:
    """Return the dotted paths of the Celery apps that are checked; none: the current one is."""
    return tuple(getattr(settings, "RETRYING_TASK_APPS", ()))


def exempt() -> dict[str, str]:
    """Return why a task, or all tasks of an app, need not retry, by its name."""
    return dict(getattr(settings, "RETRYING_TASK_EXEMPT", {}))


def extras() -> set[str]:
    """Return the names in Celery's configuration that other packages read."""
    return set(getattr(settings, "RETRYING_TASK_CELERY_EXTRAS", ()))


def celery_apps() -> Iterator[Celery]:
    """Return the apps; one that cannot be imported is left out, for its own check tells."""
    if not paths():
        yield current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy
    for path in paths():
        if isinstance(found := imported(path), Celery):
            yield found


def imported(path: str) -> Any:
    """Return what a dotted path names, or the error."""
    try:
        return import_string(path)
    except Exception as error:  # whatever its module raises
        return error
