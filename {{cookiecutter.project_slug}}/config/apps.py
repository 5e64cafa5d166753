"""The project itself as an app: its checks and commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Connects the project's system checks."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Register the checks."""
        # They register themselves, and need the apps loaded.
        from config import checks, deploy_checks  # noqa: F401
