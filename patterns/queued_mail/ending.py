"""What an attempt ends in, recorded by its lease's token: tried later, given up, or sent."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, NoReturn

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import Case, F, TextField, Value, When
from django.utils import timezone

from . import configuration
from .errors import LeaseLost, MailNotAnswered, MailNotDelivered, MailRefused, ReceiverFailed
from .leases import record
from .models import QueuedMail
from .signals import mail_sent

logger = logging.getLogger(__name__)

# A PostgreSQL that restarts is back within seconds.
RECORD_FOR_SECONDS = 20
PAUSE_SECONDS = 0.5

Completing = Callable[[], AbstractContextManager[Any]]


def try_later(mail: QueuedMail, error: MailNotDelivered) -> NoReturn:
    """Record a failed attempt, the last one if the mail was tried for long enough; raise."""
    if isinstance(error, MailNotAnswered):
        mail.unanswered += 1
        logger.warning("Mail %s: no answer; a copy may be out.", mail.pk)
    begun = mail.first_attempt_at or timezone.now()
    if timezone.now() - begun >= configuration.give_up_after():
        since = f"{begun:%Y-%m-%d %H:%M %Z}"
        text = f"Given up after {mail.attempts} attempts since {since}: {error}"
        fail(mail, MailRefused(text))
    # One whose task was discarded meanwhile keeps that reason.
    was_discarded = When(failed_at__isnull=False, then=F("error"))
    record(mail, error=Case(was_discarded, default=Value(str(error)), output_field=TextField()))
    raise error


def fail(mail: QueuedMail, refusal: MailRefused) -> NoReturn:
    """Record that a mail is given up, its content kept for a person to send again; raise."""
    record(mail, failed_at=timezone.now(), error=str(refusal))
    raise refusal


def complete(mail: QueuedMail, completing: Completing) -> None:
    """Record a sent mail, forget what it said, and tell the receivers, in one transaction.

    A database that is away is waited for, a while: the mail is out, and the next run would send it
    again. Receivers are told anew then, for what they wrote is undone.
    """
    deadline, pause_seconds = time.monotonic() + RECORD_FOR_SECONDS, 0.0
    connection, session = connections[str(mail._state.db)], None
    while True:
        try:
            time.sleep(pause_seconds)  # in here: a time limit that strikes is no second mail either
            with completing(), transaction.atomic(using=mail._state.db, savepoint=False):
                record_sent(mail)
                session = connection.connection
                tell(mail)
            return
        except Exception as error:
            if time.monotonic() > deadline or not _may_pass(error, connection, session):
                _record_without(mail, error)
                raise
            logger.warning("Mail %s is sent, and not recorded yet: %s", mail.pk, error)
        pause_seconds = PAUSE_SECONDS


def record_sent(mail: QueuedMail) -> None:
    """Write that a mail is sent, also of one whose task was discarded meanwhile."""
    ended = {"sent_at": timezone.now(), "failed_at": None}
    record(mail, **ended, outstanding=[], content=b"", error="")


def tell(mail: QueuedMail) -> None:
    """Send the signal; what a receiver writes commits with the record that the mail is sent."""
    try:
        mail_sent.send(sender=QueuedMail, message_id=mail.message_id)
    except Exception as error:
        raise ReceiverFailed(
            f"Mail {mail.message_id} was sent; a receiver raised: {error!r}"
        ) from error


def _may_pass(error: Exception, connection: Any, session: Any) -> bool:
    """Tell whether the same transaction may commit when it is tried again."""
    if connection.in_atomic_block:  # somebody else's is open
        return False
    # A receiver's own lock, or deadlock, is its own to get over: Django keeps the session then.
    if isinstance(error, ReceiverFailed):
        return connection.connection is not session
    return isinstance(error, OperationalError | InterfaceError)


def _record_without(mail: QueuedMail, error: Exception) -> None:
    """Record what is true all the same: the mail is out."""
    if isinstance(error, ReceiverFailed):
        record_sent(mail)
    # Else what is true is known to others, or not yet.
    elif not isinstance(error, LeaseLost | DatabaseError):
        # The task is no longer this run's to end (it was cancelled, say).
        with suppress(LeaseLost), transaction.atomic(using=mail._state.db):
            record_sent(mail)
            tell(mail)
