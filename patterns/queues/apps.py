"""The app: its checks and its command."""

from django.apps import AppConfig


class QueuesConfig(AppConfig):
    """Registered as `queues`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "queues"
    verbose_name = "Queues"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  the settings are not complete when this module is loaded
