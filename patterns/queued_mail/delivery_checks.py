"""Checks of the backend that delivers: each misconfiguration has an id and a hint."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.mail.backends import smtp

from . import configuration
from .backend import EmailBackend
from .direct import backend_class


def wrong_delivery() -> Iterator[CheckMessage]:
    """A backend for delivery that cannot deliver."""
    name = configuration.delivery_backend()
    try:
        backend, options = backend_class(name), backend_options(name)
    except (ImportError, LookupError) as error:
        yield Error(
            f"QUEUED_MAIL_DELIVERY_BACKEND {name!r} cannot be loaded: {error}.",
            hint=f'Add a mailer {name!r} to MAILERS, beside "default".'
            if configuration.has_mailers()
            else "Name a mail backend by its dotted path, such as Django's SMTP backend.",
            id="queued_mail.E004",
        )
        return
    yield from wrong_backend(name, backend, options)


def wrong_backend(name: str, backend: type, options: dict[str, Any]) -> Iterator[CheckMessage]:
    """A backend that queues, hides what it loses, or waits for ever."""
    if issubclass(backend, EmailBackend):
        yield Error(
            f"QUEUED_MAIL_DELIVERY_BACKEND {name!r} queues mail itself: none would ever be sent.",
            hint="Name the backend that speaks to the mail server.",
            id="queued_mail.E005",
        )
    if options.get("fail_silently"):
        yield Error(
            f"The mailer {name!r} fails silently: a mail it loses would count as sent.",
            hint="Remove `fail_silently` from its OPTIONS.",
            id="queued_mail.E006",
        )
    if issubclass(backend, smtp.EmailBackend) and not options.get("timeout"):
        yield Warning(
            "The mail server has no timeout: where it freezes, so does the worker.",
            hint='Set the "timeout" of its OPTIONS to 10 (seconds).'
            if configuration.has_mailers()
            else "Set EMAIL_TIMEOUT = 10 (seconds).",
            id="queued_mail.W001",
        )


def backend_options(name: str) -> dict[str, Any]:
    """Return the options of the backend that delivers."""
    if configuration.has_mailers():
        return dict(configuration.mailer(name).get("OPTIONS", {}))
    return {"timeout": settings.EMAIL_TIMEOUT}
