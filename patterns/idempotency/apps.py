"""The app: its checks and its task."""

from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """Registered as `idempotency`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "idempotency"
    verbose_name = "Idempotency"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the task."""
        from . import checks, tasks  # noqa: F401  models are not loaded when this module is
