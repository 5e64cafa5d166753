"""The Django app of the purchases."""

from django.apps import AppConfig


class PurchasesConfig(AppConfig):
    """Connects the receiver that marks an order as mailed."""

    name = "purchases"

    def ready(self) -> None:
        """Connect the receivers; importing the module is what connects them."""
        import purchases.receivers  # noqa: F401  models must be loaded before it
