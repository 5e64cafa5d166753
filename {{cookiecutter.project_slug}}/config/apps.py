"""The project itself as an app: its checks and commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Connects the project's system checks."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Register the checks."""
        from config import checks  # noqa: F401  registers itself; needs the apps loaded
