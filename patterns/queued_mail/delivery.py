"""Deliver one mail: claim its row, offer it, record the answer, in one transaction."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connections, router, transaction
from django.utils import timezone

from . import configuration
from .errors import MailNotDelivered, MailRefused, ReceiverFailed
from .models import QueuedMail
from .signals import mail_sent
from .transport import offer, reply

logger = logging.getLogger(__name__)


def deliver_once(mail_id: str, publication: int) -> None:
    """Deliver a mail that still waits; do nothing about one that is done or being delivered.

    Raises `MailNotDelivered`, `MailRefused` or `ReceiverFailed`, after the commit that records
    it. Crash: the row is unlocked by PostgreSQL and waits on. Duplicate: skips a locked row.
    """
    with claimed(mail_id) as mail:
        if mail is None:
            logger.info("Mail %s is sent, failed, deleted or being delivered now.", mail_id)
            return
        failure = failure_before_start(mail)
    if failure is not None:
        raise failure
    with claimed(mail_id) as mail:
        if mail is None:  # a second message was faster
            return
        failure = deliver(mail)
        is_superseded = mail.publication != publication
    if isinstance(failure, MailNotDelivered) and is_superseded:
        # A newer task message has its own retries: two chains would try twice as often for ever.
        logger.info("Mail %s is retried by a newer task: %s", mail_id, failure)
    elif failure is not None:
        raise failure


@contextmanager
def claimed(mail_id: str) -> Iterator[QueuedMail | None]:
    """Lock the row of a mail that waits, for as long as the block lasts and for no longer.

    PostgreSQL unlocks it when the process or its connection dies, and when it is silent for
    QUEUED_MAIL_LOCK_SECONDS (a frozen process, a lost host).
    """
    database = router.db_for_write(QueuedMail)
    # Durable: within another transaction the record of a sent mail could still roll back.
    with transaction.atomic(using=database, durable=True):
        with connections[database].cursor() as cursor:
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)",
                [f"{configuration.lock_seconds()}s"],
            )
        # The content, which may be megabytes, is read where it is needed.
        waiting = QueuedMail.objects.using(database).waiting().defer("content")
        yield waiting.filter(pk=UUID(mail_id)).select_for_update(skip_locked=True).first()


def failure_before_start(mail: QueuedMail) -> Exception | None:
    """Record that an attempt begins, or give up a mail whose attempts killed their workers."""
    if mail.has_killed_its_workers:
        return failed(
            mail, MailRefused(f"Its worker died {mail.attempts} times without an answer.")
        )
    mail.record_start()
    return None


def deliver(mail: QueuedMail) -> Exception | None:
    """Offer a locked mail, record what came of it, and return what to raise after the commit."""
    try:
        answer = offer(mail)
    except MailRefused as refusal:
        return failed(mail, refusal)
    except MailNotDelivered as error:
        return try_later(mail, error)
    final = {who: reply(*why) for who, why in answer.refusals.items() if why[0] >= 500}
    mail.refuse(final)
    if answer.is_accepted:
        # Those asked to wait (4xx) are tried again; the others have the mail.
        mail.outstanding = [each for each in mail.outstanding if each in answer.refusals]
    if mail.outstanding:
        reasons = {
            who: reply(*answer.refusals[who]) for who in mail.outstanding if who in answer.refusals
        }
        return try_later(mail, MailNotDelivered(f"Not yet taken for {reasons}"))
    if set(mail.refused) >= set(mail.recipients):
        return failed(mail, MailRefused(f"All recipients refused: {mail.refused}"))
    return record_sent(mail)


def try_later(mail: QueuedMail, error: MailNotDelivered) -> Exception:
    """Record a failed attempt, the last one if the mail was tried for long enough."""
    begun = mail.first_attempt_at or timezone.now()
    if timezone.now() - begun < configuration.give_up_after():
        mail.record_attempt(str(error))
        return error
    since = f"{begun:%Y-%m-%d %H:%M %Z}"
    return failed(
        mail, MailRefused(f"Given up after {mail.attempts} attempts since {since}: {error}")
    )


def failed(mail: QueuedMail, refusal: MailRefused) -> Exception:
    """Record that a mail is given up."""
    mail.record_failed(str(refusal))
    return refusal


def record_sent(mail: QueuedMail) -> Exception | None:
    """Record a sent mail together with what the receivers of `mail_sent` write."""
    mail.record_sent()
    try:
        with transaction.atomic(using=mail._state.db):
            mail_sent.send(sender=QueuedMail, message_id=mail.message_id)
    except Exception as error:
        failure = ReceiverFailed(f"Mail {mail.message_id} was sent; a receiver raised: {error!r}")
        failure.__cause__ = error
        return failure
    return None
