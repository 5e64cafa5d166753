"""Analytics as a Django app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Listens to the shop's events. The shop's apps do not know of it."""

    name = __package__
    label = "analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers, now that every app's signals can be imported."""
        import analytics.receivers  # noqa: F401  models must be loaded before it
