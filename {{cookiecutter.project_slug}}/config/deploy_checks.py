"""Checks of `manage.py check --deploy`: what would travel in the clear."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

Apps = Sequence[AppConfig] | None


@register(deploy=True)
def check_mail_is_encrypted(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E007`: mails, or the mail server's password, leave this machine without TLS."""
    if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL:
        return []
    if is_loopback(settings.EMAIL_HOST) and not settings.EMAIL_HOST_PASSWORD:
        return []
    return [
        Error(
            "EMAIL_URL has no TLS: mails, with their links, and the password go out in the clear.",
            hint="Write submission://user:password@host (STARTTLS, port 587) or"
            " submissions://user:password@host (TLS, port 465).",
            id="shop.E007",
        )
    ]


@register(deploy=True)
def check_site_is_encrypted(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E008`: mails link to the shop without TLS."""
    if settings.SITE_URL.startswith("https://"):
        return []
    return [
        Error(
            "SITE_URL is not https: the links in mails, of a password's reset too, have no TLS.",
            hint="Set SITE_URL to the address that browsers use: https://shop.example.com",
            id="shop.E008",
        )
    ]


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to `host` stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
