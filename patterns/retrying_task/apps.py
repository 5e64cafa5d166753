"""The app: its system checks."""

from django.apps import AppConfig


class RetryingTaskConfig(AppConfig):
    """Registered as `retrying_task`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "retrying_task"
    verbose_name = "Retrying tasks"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  settings are read by then
