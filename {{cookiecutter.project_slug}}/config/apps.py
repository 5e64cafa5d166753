"""The project itself as an app: its checks and commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Connects the project's system checks, and what follows the migrations."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Register the checks, and make the group of those on call after the migrations."""
        # These need the apps loaded; the checks register themselves.
        from config import deploy_checks, on_call  # noqa: F401

        on_call.make_after_migrations()
