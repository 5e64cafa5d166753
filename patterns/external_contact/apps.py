"""The app: its system checks."""

from django.apps import AppConfig


class ExternalContactConfig(AppConfig):
    """Registered as `external_contact`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "external_contact"
    verbose_name = "External contact"

    def ready(self) -> None:
        """Register the system checks; make the count, before a server forks."""
        from . import checks, counting  # noqa: F401  settings are read by then
