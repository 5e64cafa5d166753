"""An app with a table that `migrate --run-syncdb` makes."""

from django.apps import AppConfig


class BenchShopConfig(AppConfig):
    """Named as it is imported by the processes that are measured."""

    name = "bench_shop"
    default_auto_field = "django.db.models.BigAutoField"
