"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

import logging
from collections.abc import Iterator
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections, router
from django.utils.log import AdminEmailHandler

from . import configuration
from .delivery_checks import wrong_delivery
from .direct import mail_past_the_queue
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
        *wrong_task(),
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


def wrong_surroundings() -> Iterator[CheckMessage]:
    """A database that cannot, error mails that need it."""
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


def wrong_task() -> Iterator[CheckMessage]:
    """A broker that may hang, a lease that is too short for the task's time limit."""
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
