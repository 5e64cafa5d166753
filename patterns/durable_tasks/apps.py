"""The app: its checks, its clean-up task, and what runs Django's tasks where they are asked for."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings

# Django's own backends, which need nothing of a worker.
BUILT_IN = ("django.tasks.", "django_tasks.")


class DurableTasksConfig(AppConfig):
    """Registered as `durable_tasks`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "durable_tasks"
    verbose_name = "Durable tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the tasks."""
        from . import (  # noqa: F401  models are not loaded when this module is
            checks,
            plain,
            stock_consumers,
            tasks,
            worker,
        )

        if _has_other_task_backend():  # else neither Django 6.0 nor django-tasks need be there
            import_module(f"{__package__}.django_tasks")


def _has_other_task_backend() -> bool:
    """Tell whether TASKS has a backend which may be this pattern's, or one derived from it."""
    backends = dict(getattr(settings, "TASKS", None) or {}).values()
    return any(not str(each.get("BACKEND", "")).startswith(BUILT_IN) for each in backends)
