"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

import logging
from collections.abc import Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.mail.backends import smtp
from django.db import connections, router
from django.utils.log import AdminEmailHandler

from . import configuration
from .backend import EmailBackend
from .direct import backend_class, mail_past_the_queue
from .models import QueuedMail
from .publication import is_durable
from .tasks import deliver

NUMBERS = [
    name for name in configuration.NAMES if name.rsplit("_", 1)[1] not in {"BACKEND", "QUEUE"}
]
SILENT_BROKERS = ("redis", "rediss", "valkey", "valkeys", "sentinel")


@register("queued_mail")
def check_queued_mail(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of queued mail."""
    return [
        *wrong_settings(),
        *wrong_delivery(),
        *wrong_surroundings(),
        *mail_past_the_queue(),
    ]


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, empty or no positive number."""
    for name in dir(settings):
        if name.startswith("QUEUED_MAIL_") and name not in configuration.NAMES:
            yield Error(
                f"{name} is no setting of queued mail.",
                hint=f"The settings are {', '.join(configuration.NAMES)}.",
                id="queued_mail.E001",
            )
    if not configuration.queue().strip():
        yield Error(
            "QUEUED_MAIL_QUEUE is empty: no worker would get a mail.",
            hint='Name the queue of the worker that sends mail, "mail" by default.',
            id="queued_mail.E002",
        )
    for name in NUMBERS:
        value = getattr(settings, name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield Error(
                f"{name} is {value!r}.",
                hint="Set a number greater than 0, or leave it out for the default.",
                id="queued_mail.E003",
            )


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


def wrong_surroundings() -> Iterator[CheckMessage]:
    """A database that cannot, a broker that may hang, a lease that is too short."""
    database = router.db_for_write(QueuedMail)
    if connections[database].vendor != "postgresql":
        yield Error(
            f"Queued mail is stored in database {database!r}, which is not PostgreSQL.",
            hint="Use PostgreSQL, or route the app `queued_mail` to a database that is.",
            id="queued_mail.E007",
        )
    if settings.ADMINS and any(map(mails_through_queue, logging.getLogger("django").handlers)):
        yield Warning(
            "Django mails errors to ADMINS through the queue: not while the database is away.",
            hint=f'In LOGGING set "loggers": {{"django": {{"handlers": []}}}}, and give the root '
            f'logger a handler of class "{__package__}.error_mails.ErrorMailHandler".',
            id="queued_mail.W005",
        )
    try:
        limit = deliver.time_limit
    except Exception:  # another task of the project cannot be made, so none is: that one's error
        return
    broker = str(current_app.conf.broker_url or "").partition(":")[0]
    transport_options = current_app.conf.broker_transport_options or {}
    is_silent = broker in SILENT_BROKERS and not transport_options.get("socket_timeout")
    if is_silent and not is_durable(deliver):  # a durable one asks the database alone
        yield Warning(
            "The broker has no socket timeout: where it freezes, so does a request that mails.",
            hint='Set Celery\'s broker_transport_options = {"socket_timeout": 2, '
            '"socket_connect_timeout": 2} (seconds).',
            id="queued_mail.W003",
        )
    if configuration.lease().total_seconds() <= limit:
        yield Warning(
            "QUEUED_MAIL_LEASE_SECONDS ends before a delivery must: a second one would begin.",
            hint=f"Set more than {limit} seconds, the hard time limit of "
            f"{deliver.name}, or leave it out.",
            id="queued_mail.W004",
        )


def mails_through_queue(handler: logging.Handler) -> bool:
    """Tell whether a handler mails by the default backend."""
    chosen = getattr(handler, "using", None) or getattr(handler, "email_backend", None)
    return isinstance(handler, AdminEmailHandler) and chosen is None


def backend_options(name: str) -> dict[str, Any]:
    """Return the options of the backend that delivers."""
    if configuration.has_mailers():
        return dict(configuration.mailer(name).get("OPTIONS", {}))
    return {"timeout": settings.EMAIL_TIMEOUT}
