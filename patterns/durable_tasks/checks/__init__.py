"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

from typing import Any

from celery import current_app
from django.core.checks import CheckMessage, register

from .app import wrong_app
from .database import wrong_database
from .other_apps import wrong_other_apps
from .settings import wrong_queues, wrong_settings
from .tasks import wrong_tasks


@register("durable_tasks")
def check_durable_tasks(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of durable tasks."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy
    found = [*wrong_settings(), *wrong_database(), *wrong_queues(), *wrong_app(app)]
    if any(each.id == "durable_tasks.E008" for each in found):
        return found  # such an app has no durable tasks, and this message says so
    return [*found, *wrong_tasks(app), *wrong_other_apps(app)]
