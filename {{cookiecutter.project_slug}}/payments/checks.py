"""What must be right about the provider's settings before the first customer pays."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register
def provider_is_configured(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse an address or a key with which no request could be made (E001, E002)."""
    errors: list[CheckMessage] = []
    if not _is_http(settings.PAYMENTS_URL):
        hint = "Set PAYMENTS_URL to something like https://payments.example.com"
        errors.append(Error("PAYMENTS_URL is no http(s) address.", hint=hint, id="payments.E001"))
    key = settings.PAYMENTS_API_KEY
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        # The value is left out: it is a secret.
        hint = "Set PAYMENTS_API_KEY to the provider's key, without spaces or line breaks."
        errors.append(Error("PAYMENTS_API_KEY is no usable key.", hint=hint, id="payments.E002"))
    return errors


@register(Tags.security, deploy=True)
def provider_is_encrypted(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Refuse to send the key in clear from a production server (E003, with --deploy)."""
    if settings.PAYMENTS_URL.lower().startswith("https://"):
        return []
    hint = "Use the provider's https address."
    return [Error("PAYMENTS_URL is not encrypted.", hint=hint, id="payments.E003")]


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # e.g. half of an IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
