"""Deliver one mail: lease its row, offer it without a transaction, record the answer by token."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NoReturn

from django.db import Error as DatabaseError
from django.db import router, transaction
from django.db.models import Case, F, TextField, Value, When
from django.utils import timezone

from . import configuration
from .errors import LeaseLost, MailNotAnswered, MailNotDelivered, MailRefused, ReceiverFailed
from .leases import record, take
from .models import QueuedMail
from .signals import mail_sent
from .transport import Answer, is_final, offer, reply

logger = logging.getLogger(__name__)

Completing = Callable[[], AbstractContextManager[Any]]


def deliver_once(
    mail_id: str, publication: int, *, run_id: str = "", completing: Completing = nullcontext
) -> None:
    """Deliver a mail that still waits; do nothing about one that has ended.

    A mail that is sent is recorded within `completing()`. Raises `MailNotDelivered`,
    `MailRefused` or `ReceiverFailed`, after the commit that records it. Crash: whoever comes
    after the lease delivers it. Duplicate: waits for the lease.
    """
    try:
        mail = take(mail_id, run_id)
        if mail is None:
            raise_if_failed(mail_id, publication, run_id)
            logger.info("Mail %s is sent, failed, expired or deleted.", mail_id)
            return
        deliver(mail, completing)
    except LeaseLost as error:
        # Theirs is the outcome. This task stays until it is known: theirs may be an older one.
        logger.warning("%s Nothing is recorded of this attempt; a copy may be out.", error)
        raise_unless_superseded(mail_id, publication, MailNotDelivered(str(error)))
    except MailNotDelivered as error:
        raise_unless_superseded(mail_id, publication, error)


def raise_if_failed(mail_id: str, publication: int, run_id: str) -> None:
    """Raise what the mail of a durable task failed with: a crash kept the task from saying so.

    Without it, that task would count as done. A plain one may be a second message of its kind.
    """
    rows = QueuedMail.objects.using(router.db_for_write(QueuedMail))
    if not run_id:
        return
    failed = rows.filter(pk=mail_id, publication=publication, failed_at__isnull=False)
    for error in failed.values_list("error", flat=True):
        raise MailRefused(error)


def raise_unless_superseded(mail_id: str, publication: int, error: MailNotDelivered) -> None:
    """Raise, unless a newer task message has its own retries: two would try twice as often."""
    rows = QueuedMail.objects.using(router.db_for_write(QueuedMail)).filter(pk=mail_id)
    if rows.filter(publication=publication).exists():
        raise error
    logger.info("Mail %s is retried by a newer task: %s", mail_id, error)


def deliver(mail: QueuedMail, completing: Completing) -> None:
    """Offer a leased mail and record what came of it."""
    try:
        answer = offer(mail)
    except MailRefused as refusal:
        fail(mail, refusal)
    except MailNotDelivered as error:
        try_later(mail, error)
    else:
        read(answer, mail)
        if mail.outstanding:
            reasons = {
                who: reply(*answer.refusals[who])
                for who in mail.outstanding
                if who in answer.refusals
            }
            try_later(mail, MailNotDelivered(f"Not yet taken for {reasons}"))
        if set(mail.refused) >= set(mail.recipients):
            fail(mail, MailRefused(f"All recipients refused: {mail.refused}"))
        complete(mail, completing)


def read(answer: Answer, mail: QueuedMail) -> None:
    """Note who is refused for good, and who is still to get the mail."""
    final = {who: reply(*why) for who, why in answer.refusals.items() if is_final(why[0])}
    mail.refused = {**mail.refused, **final}
    mail.outstanding = [each for each in mail.outstanding if each not in final]
    if answer.is_accepted:
        # Those asked to wait (4xx) are tried again; the others have the mail.
        mail.outstanding = [each for each in mail.outstanding if each in answer.refusals]


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
