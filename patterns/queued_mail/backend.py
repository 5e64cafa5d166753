"""The mail backend: accept each message as a row, and enqueue its delivery."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error as DatabaseError
from django.db import router, transaction

from .connection import delivery_connection
from .errors import MailTooLarge, MessageIdReused
from .freezing import freeze
from .models import QueuedMail
from .publication import enqueue
from .tasks import deliver

logger = logging.getLogger(__name__)

# Rows of one INSERT: mails are large, and PostgreSQL keeps a statement in memory.
ROWS_AT_ONCE = 50


class EmailBackend(BaseEmailBackend):
    """Queue every mail in the caller's transaction.

    `fail_silently` silences what it silences in Django: not being able to hand over (here a
    database error, a mail too large), not a message that is wrong.
    """

    def __init__(
        self,
        fail_silently: bool = False,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a backend; the credentials that Django may pass are refused."""
        if username is not None or password is not None:
            raise TypeError(
                "A queued mail cannot carry credentials (auth_user, auth_password): "
                "set them for the delivery backend."
            )
        super().__init__(**kwargs)
        self.fail_silently = fail_silently

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the messages, and return how many were accepted: all that have recipients.

        One whose Message-ID is stored already is accepted and not stored again. Rollback of the
        caller's transaction: nothing was stored, nothing is sent. An error: none is stored.
        Raises what Django raises for bad headers and addresses, `MailNotAccepted`,
        `MessageIdReused`, and database errors.
        """
        addressed = [message for message in email_messages if message.recipients()]
        if not addressed:
            return 0
        try:
            return self._accept(addressed)
        except DatabaseError as error:
            if not self.fail_silently:
                raise
            logger.warning("%d mails are lost, silently as asked: %s", len(addressed), error)
            return 0

    def _accept(self, messages: list[EmailMessage]) -> int:
        database = router.db_for_write(QueuedMail)
        rows = list(self._freeze(messages))
        with transaction.atomic(using=database):
            # ON CONFLICT DO NOTHING: a Message-ID that is stored already, or is being stored at
            # this moment, does not break the caller's transaction.
            QueuedMail.objects.using(database).bulk_create(
                rows, batch_size=ROWS_AT_ONCE, ignore_conflicts=True
            )
            enqueue(deliver, stored_now(rows, database), using=database)
        return len(rows)

    def _freeze(self, messages: list[EmailMessage]) -> Iterator[QueuedMail]:
        connection = delivery_connection()
        for message in messages:
            try:
                yield freeze(message, connection)
            except MailTooLarge as error:
                if not self.fail_silently:
                    raise
                logger.warning("A mail is lost, silently as asked: %s", error)


def stored_now(rows: list[QueuedMail], database: str) -> list[QueuedMail]:
    """Return the rows that are new; raise where others of the same Message-ID went elsewhere."""
    known = {
        message_id: (key, recipients)
        for message_id, key, recipients in QueuedMail.objects.using(database)
        .filter(message_id__in=[row.message_id for row in rows])
        .values_list("message_id", "pk", "recipients")
    }
    for row in rows:
        first = known.get(row.message_id, (row.pk, row.recipients))[1]
        if sorted(first) != sorted(row.recipients):
            raise MessageIdReused(
                f"Message-ID {row.message_id} is that of a mail to others, so this one would "
                "not be sent: give every mail its own (`email.utils.make_msgid()`)."
            )
    return [row for row in rows if known.get(row.message_id, (None, None))[0] == row.pk]
