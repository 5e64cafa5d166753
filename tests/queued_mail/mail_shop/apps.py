from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "mail_shop"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from . import receivers  # noqa: F401
