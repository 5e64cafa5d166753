"""The Django app of the accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts, whose login is a mail address."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
