"""What an attempt ends in, recorded by its lease's token: tried later, given up, or sent."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, NoReturn

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Case, F, TextField, Value, When
from django.utils import timezone

from . import configuration
from .errors import LeaseLost, MailNotAnswered, MailNotDelivered, MailRefused, ReceiverFailed
from .leases import record
from .models import QueuedMail
from .signals import mail_sent

logger = logging.getLogger(__name__)

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
    """Record a sent mail, forget what it said, and tell the receivers, in one transaction."""
    try:
        with completing(), transaction.atomic(using=mail._state.db, savepoint=False):
            record_sent(mail)
            tell(mail)
    except ReceiverFailed:
        # Without them: that the mail is out is true all the same.
        record_sent(mail)
        raise
    except (LeaseLost, DatabaseError):  # what is true then is known to others, or not yet
        raise
    except Exception:
        # The task is no longer this run's to end (it was cancelled, say). The mail is out.
        with suppress(LeaseLost), transaction.atomic(using=mail._state.db):
            record_sent(mail)
            tell(mail)
        raise


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
