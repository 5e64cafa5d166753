"""Hold a mail while it is delivered: a token in its row, by which alone the outcome is recorded.

No transaction is open meanwhile: a mail server may take minutes, and an open transaction stops
autovacuum for everybody.
"""

import logging
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from django.db import router, transaction
from django.db.models.functions import Now
from django.utils import timezone

from . import configuration
from .errors import LeaseLost, MailNotDelivered, MailRefused
from .models import QueuedMail

logger = logging.getLogger(__name__)

COUNTED = ("attempts", "unanswered", "died", "first_attempt_at", "outstanding", "refused")
MOST_DEATHS = 5  # by then it was no deploy and no accident: the mail kills what touches it


def take(mail_id: str, run_id: str = "") -> QueuedMail | None:
    """Lease a mail that waits, committed; return None where there is nothing left to do.

    `run_id` names the task where nobody else runs it at the same time: what it held and did not
    answer is its own dead attempt, and need not be waited for.

    Raises `MailNotDelivered` while somebody else holds it, `MailRefused` where it killed too many
    workers. Crash: the lease ends by itself. Within a transaction: refused, the lease would not
    be seen by others, nor the record that the mail is sent be kept.
    """
    database = router.db_for_write(QueuedMail)
    with transaction.atomic(using=database, durable=True):
        # The content, which may be megabytes, is read where it is needed.
        waiting = QueuedMail.objects.using(database).waiting().defer("content")
        waiting = waiting.annotate(read_at=Now())  # the database's clock, as in all leases
        mail = waiting.filter(pk=UUID(mail_id)).select_for_update().first()
        result = None if mail is None else begin(mail, run_id)
    if isinstance(result, Exception):
        raise result
    return result


def begin(mail: Any, run_id: str) -> QueuedMail | Exception | None:
    """Write that an attempt begins, or why none does; return what to raise after the commit."""
    now: datetime = mail.read_at
    if mail.leased_until is not None:
        is_own = bool(run_id) and mail.leased_by == run_id
        if mail.leased_until > now and not is_own:
            return MailNotDelivered(f"It is being delivered until {mail.leased_until} at most.")
        mail.unanswered += 1
        mail.died += 1
        logger.warning("Mail %s: an attempt was cut off; a copy may be out.", mail.pk)
    if mail.expires_at is not None and mail.expires_at <= now:
        record(mail, expired_at=now, content=b"", error=f"Expired at {mail.expires_at}.")
        logger.warning("Mail %s expired at %s and is not sent.", mail.pk, mail.expires_at)
        return None
    if mail.died >= MOST_DEATHS:
        refusal = MailRefused(f"Its worker died {mail.died} times without an answer.")
        record(mail, failed_at=now, error=str(refusal))
        return refusal
    mail.attempts += 1
    mail.first_attempt_at = mail.first_attempt_at or now
    token = uuid4()
    record(mail, lease=token, leased_until=now + configuration.lease(), leased_by=run_id)
    mail.lease = token
    return cast(QueuedMail, mail)


def record(mail: QueuedMail, **changes: Any) -> None:
    """Write the mail's counts and what changes; ends the lease unless that is what changes.

    Raises `LeaseLost`, and writes nothing, where somebody else has taken the mail over.
    """
    written = {
        **{"lease": None, "leased_until": None, "leased_by": "", "touched_at": timezone.now()},
        **{name: getattr(mail, name) for name in COUNTED},
        **changes,
    }
    rows = QueuedMail.objects.using(mail._state.db)
    if not rows.filter(pk=mail.pk, lease=mail.lease).update(**written):
        raise LeaseLost(f"Mail {mail.pk} was taken over by another delivery.")
