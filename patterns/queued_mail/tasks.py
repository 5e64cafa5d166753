"""The tasks: deliver one mail, publish forgotten ones again, delete the rows of old ones."""

import logging

from celery import shared_task
from django.db import router, transaction
from django.db.models import F
from django.utils import timezone

from . import configuration
from .delivery import deliver_once
from .models import QueuedMail
from .publication import publish_on_commit

logger = logging.getLogger(__name__)

# One statement deletes so many rows, so that no transaction is long.
DELETED_AT_ONCE = 1000


@shared_task(name="queued_mail.deliver", queue=configuration.queue(), ignore_result=True)
def deliver(mail_id: str, publication: int) -> None:
    """Deliver one mail; safe to run again. Raises what `delivery.deliver_once()` does."""
    deliver_once(mail_id, publication)


@shared_task(name="queued_mail.enqueue_forgotten", queue=configuration.queue(), ignore_result=True)
def enqueue_forgotten() -> None:
    """Publish again the mails whose task message was lost, QUEUED_MAIL_SWEEP_LIMIT at most.

    Crash: nothing changes, or the mails count as published and wait for a later sweep.
    Duplicate: rows taken by another sweep, or being delivered, are skipped.
    """
    database = router.db_for_write(QueuedMail)
    with transaction.atomic(using=database):
        forgotten = QueuedMail.objects.using(database).forgotten(timezone.now()).defer("content")
        mails = list(
            forgotten.select_for_update(skip_locked=True).order_by("touched_at")[
                : configuration.sweep_limit()
            ]
        )
        ids = [mail.pk for mail in mails]
        QueuedMail.objects.using(database).filter(pk__in=ids).update(
            publication=F("publication") + 1, touched_at=timezone.now()
        )
        for mail in mails:
            mail.publication += 1
        publish_on_commit(deliver, mails, using=database)
    if mails:
        logger.warning("%d mails were forgotten and are published again.", len(mails))


@shared_task(name="queued_mail.delete_sent", queue=configuration.queue(), ignore_result=True)
def delete_sent() -> None:
    """Delete the rows of mails sent more than QUEUED_MAIL_KEEP_DAYS ago; failed ones stay.

    Crash or duplicate: what is left is deleted by the next run.
    """
    database = router.db_for_write(QueuedMail)
    old = QueuedMail.objects.using(database).filter(
        sent_at__lt=timezone.now() - configuration.keep()
    )
    while ids := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        QueuedMail.objects.using(database).filter(pk__in=ids).delete()
