"""An app with a table that `migrate --run-syncdb` makes."""

from django.apps import AppConfig


class DurableShopConfig(AppConfig):
    """Its Celery app is loaded with it."""

    name = "durable_shop"
    default_auto_field = "django.db.models.BigAutoField"
