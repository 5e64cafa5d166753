"""The back office as a Django app."""

from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    """The customer index, and the page from which staff rebuild it."""

    name = "backoffice"
    label = "backoffice"
    verbose_name = "Back office"
