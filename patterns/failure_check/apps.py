"""The app: its system checks."""

from django.apps import AppConfig


class FailureCheckConfig(AppConfig):
    """Registered as `failure_check`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "failure_check"
    verbose_name = "Failure check"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  settings are read by then
