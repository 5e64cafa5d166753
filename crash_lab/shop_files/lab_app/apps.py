"""The lab's part of the shop."""

from config.base_task import ShopTask
from django.apps import AppConfig


class LabConfig(AppConfig):
    """Shortens the shop's backoff: an outage of the lab lasts seconds, not hours."""

    name = "lab_app"

    def ready(self) -> None:
        """Change it before any task runs."""
        ShopTask.backoff_cap_seconds = 4
