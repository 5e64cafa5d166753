"""The app: its checks, and its clean-up task."""

from django.apps import AppConfig


class DurableTasksConfig(AppConfig):
    """Registered as `durable_tasks`, whatever the package is called."""

    name = __package__  # pyright: ignore  # None only where a file is run by itself
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
