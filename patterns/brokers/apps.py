"""The app: its system checks and its command."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    """Registered as `brokers`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "brokers"
    verbose_name = "Brokers"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  settings are read by then
