"""The tasks: deliver one mail, publish forgotten ones again, delete the rows of old ones."""

import logging
from contextlib import nullcontext
from typing import Any

from celery import shared_task
from django.db import router, transaction
from django.db.models import F
from django.utils import timezone

from . import calls, configuration, failed_tasks
from .delivery import deliver_once
from .leases import MOST_DEATHS
from .models import QueuedMail
from .publication import enqueue, is_durable

logger = logging.getLogger(__name__)

# One statement deletes so many rows, so that no transaction is long.
DELETED_AT_ONCE = 1000


# What a base task may know and Celery's types do not.
OF_DELIVERY: dict[str, Any] = {
    # No transaction around the body: it speaks with a mail server.
    "atomic": False,
    # Seconds. Past any mail server's timeouts, and within QUEUED_MAIL_LEASE_SECONDS.
    "soft_time_limit": 300,
    "time_limit": 330,
    # The mail's row says when to give up, after a time and after a number of crashes, and is what
    # a person looks at: the base task's own ends would leave it waiting for nothing.
    "max_retries": None,
    "max_crashes": MOST_DEATHS + 1,
    # What replaying or discarding its failed task means to the mail, and which mail it is.
    "on_replay": failed_tasks.on_replay,
    "on_discard": failed_tasks.on_discard,
    "describe": calls.describe,
    "described_as": calls.described_as,
}
# Each commits by itself what it does.
OF_CLEANING: dict[str, Any] = {"atomic": False}


@shared_task(
    name="queued_mail.deliver",
    queue=configuration.queue(),
    ignore_result=True,
    bind=True,
    **OF_DELIVERY,
)
def deliver(self: Any, mail_id: str, publication: int) -> None:
    """Deliver one mail; safe to run again. Raises what `delivery.deliver_once()` does."""
    deliver_once(
        mail_id,
        publication,
        # A durable task is run by nobody else while it runs here.
        run_id=str(self.request.id or "") if is_durable(self) else "",
        completing=getattr(self, "completing", nullcontext),
    )


@shared_task(
    name="queued_mail.enqueue_forgotten",
    queue=configuration.queue(),
    ignore_result=True,
    **OF_CLEANING,
)
def enqueue_forgotten() -> None:
    """Publish again the mails whose task message was lost, QUEUED_MAIL_SWEEP_LIMIT at most.

    For a plain base task: a durable one loses none, and this would only enqueue them twice.
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
        enqueue(deliver, mails, using=database)
    if mails:
        logger.warning("%d mails were forgotten and are published again.", len(mails))


@shared_task(
    name="queued_mail.delete_sent",
    queue=configuration.queue(),
    ignore_result=True,
    **OF_CLEANING,
)
def delete_sent() -> None:
    """Delete the rows of mails sent, or expired, more than QUEUED_MAIL_KEEP_DAYS ago.

    Failed ones stay, without what they say where that is older than QUEUED_MAIL_KEEP_FAILED_DAYS
    or has expired. Crash or duplicate: what is left is deleted by the next run.
    """
    database = router.db_for_write(QueuedMail)
    old = QueuedMail.objects.using(database).ended_before(timezone.now() - configuration.keep())
    while ids := list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        QueuedMail.objects.using(database).filter(pk__in=ids).delete()
    failed = QueuedMail.objects.using(database).failed_too_long_ago(timezone.now())
    while ids := list(failed.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        # Asked again: somebody may be sending one again at this moment.
        failed.filter(pk__in=ids).delete_content("What it said is deleted.")
