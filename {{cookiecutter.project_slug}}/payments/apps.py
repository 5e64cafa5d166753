"""The Django app of the payments: no tables, only the check of its settings."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Registers the check that refuses settings with which no charge could be made."""

    name = "payments"

    def ready(self) -> None:
        """Register the checks; importing the module is what registers them."""
        import payments.checks  # noqa: F401  only Django's start makes checks useful
