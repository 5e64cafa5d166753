"""Deliver one mail: lease its row, offer it without a transaction, record the answer by token."""

import logging
from contextlib import nullcontext

from django.db import router

from .ending import Completing, complete, fail, try_later
from .errors import LeaseLost, MailNotDelivered, MailRefused
from .leases import take
from .models import QueuedMail
from .transport import Answer, is_final, offer, reply

logger = logging.getLogger(__name__)


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
