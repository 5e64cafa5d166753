"""The app: checks, and the tasks, which must be known wherever a mail is sent."""

from django.apps import AppConfig


class QueuedMailConfig(AppConfig):
    """Registered as `queued_mail`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "queued_mail"
    verbose_name = "Queued mail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the tasks."""
        from . import checks, tasks  # noqa: F401  models are not loaded when this module is
