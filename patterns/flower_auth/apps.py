"""The app: the permission to see Flower, and its system checks."""

from django.apps import AppConfig


class FlowerAuthConfig(AppConfig):
    """Registered as `flower_auth`, whatever the package is called."""

    name = str(__package__)  # None only where a file is run by itself
    label = "flower_auth"
    verbose_name = "Flower"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  settings are read by then
