"""Enqueue the deliveries of stored mails: in the transaction, or with a plain task after it.

A durable base (`deliver.durable`) inserts a row with the mail's, so nothing can come between.
With a plain one the message goes to the broker after the commit, and neither fails the caller nor
holds it up; what is lost there, the sweep publishes.
"""

import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from . import configuration
from .models import QueuedMail

logger = logging.getLogger(__name__)

# After a failed publish nothing is published by this process for so long: a request that sends
# fifty mails while the broker is frozen waits for one of its timeouts, not for fifty.
PAUSE_SECONDS = 30.0


class Pause:
    """Which broker was out of reach a moment ago, as far as this process saw."""

    broker = ""
    until = 0.0

    @classmethod
    def begin(cls, broker: str) -> None:
        """Leave a broker alone for PAUSE_SECONDS."""
        cls.broker, cls.until = broker, time.monotonic() + PAUSE_SECONDS

    @classmethod
    def holds_for(cls, broker: str) -> bool:
        """Tell whether to leave this broker alone; another one is no worse for it."""
        return broker == cls.broker and time.monotonic() < cls.until


def is_durable(deliver: Any) -> bool:
    """Tell whether the project's base task enqueues in the caller's transaction."""
    return bool(getattr(deliver, "durable", False))


def enqueue(deliver: Any, mails: Iterable[QueuedMail], using: str) -> None:
    """Enqueue a delivery for each mail, within the open transaction or once it commits.

    Rollback: nothing is enqueued. With a plain base task, the broker away or a crash after the
    commit: the rows wait for `queued_mail.enqueue_forgotten`.
    """
    ids = [(str(mail.pk), mail.publication) for mail in mails]
    if ids and is_durable(deliver):
        deliver.enqueue_many([(each, {}) for each in ids], queue=configuration.queue())
    elif ids:
        transaction.on_commit(partial(publish, deliver, ids), using=using)


def publish(deliver: Any, ids: list[tuple[str, int]]) -> None:
    """Publish now; at the first failure leave the rest to the sweep."""
    broker = str(deliver.app.conf.broker_write_url)
    if Pause.holds_for(broker):
        logger.info("%d mails wait for the sweep: the broker was away a moment ago.", len(ids))
        return
    for count, arguments in enumerate(ids):
        try:
            # Not tried again here: the sweep does that, and the caller must not wait.
            deliver.apply_async(args=arguments, queue=configuration.queue(), retry=False)
        except Exception as error:
            # First the pause, then the log: a log handler that mails would come back here.
            Pause.begin(broker)
            logger.error(
                "The broker cannot be reached (%s: %s): %d mails are stored, and published by "
                "queued_mail.enqueue_forgotten.",
                *(type(error).__name__, error, len(ids) - count),
            )
            return
