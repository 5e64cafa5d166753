"""The row of a mail: written in the caller's transaction, the truth about its delivery."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone

from . import configuration

MESSAGE_ID_LENGTH = 900  # a line of a header has 998 at most, and an index entry is bounded
SUBJECT_LENGTH = 200  # for people only; the whole one is in the content
MOST_DEATHS = 5  # by then it was no deploy and no accident: the mail kills what touches it

# What changes while a mail is on its way. The content, which is large, is left alone.
STATE = (
    *("outstanding", "refused", "error", "touched_at", "publication"),
    *("attempts", "first_attempt_at", "sent_at", "failed_at"),
)


class QueuedMailQuerySet(models.QuerySet["QueuedMail"]):
    """Mails by their state."""

    def waiting(self) -> "QueuedMailQuerySet":
        """Return what is neither sent nor failed."""
        return self.filter(sent_at=None, failed_at=None)

    def forgotten(self, now: datetime) -> "QueuedMailQuerySet":
        """Return what waits without a sign of life: its task message or its worker was lost."""
        unanswered = Q(error="", touched_at__lt=now - configuration.forgotten_after())
        return self.waiting().filter(
            unanswered | Q(touched_at__lt=now - configuration.retry_forgotten_after())
        )


class QueuedMail(models.Model):
    """One mail: its bytes and its envelope as the mail server gets them."""

    # Random, so that it is known before the insertion and says nothing to a stranger.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    message_id = models.CharField(max_length=MESSAGE_ID_LENGTH)
    sender = models.TextField()
    recipients = models.JSONField(help_text="All of the envelope: To, Cc and Bcc.")
    outstanding = models.JSONField(help_text="Recipients whose server has not answered for good.")
    refused = models.JSONField(default=dict, help_text="Recipients refused for good, and why.")
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    content = models.BinaryField(help_text="Emptied once the mail is sent.")
    size_bytes = models.PositiveIntegerField()
    enqueued_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(
        default=timezone.now, help_text="When it was last published or tried."
    )
    publication = models.PositiveIntegerField(
        default=1, help_text="Number of its newest task message, which is retried."
    )
    attempts = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField()

    objects = QueuedMailQuerySet.as_manager()

    class Meta:
        """Partial indexes, so that each sweep reads what it needs and nothing else."""

        verbose_name = "mail"
        constraints = (
            models.UniqueConstraint(fields=("message_id",), name="queued_mail_message_id"),
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(failed_at=None), name="queued_mail_one_end"
            ),
        )
        indexes = (
            models.Index(
                fields=("touched_at",),
                condition=Q(sent_at=None, failed_at=None),
                name="queued_mail_waiting",
            ),
            models.Index(
                fields=("sent_at",), condition=Q(sent_at__isnull=False), name="queued_mail_sent"
            ),
            models.Index(
                fields=("failed_at",),
                condition=Q(failed_at__isnull=False),
                name="queued_mail_failed",
            ),
        )

    def __str__(self) -> str:
        """Return the subject, or the Message-ID where there is none."""
        return self.subject or self.message_id

    @property
    def state(self) -> str:
        """Return "sent", "failed" or "waiting"."""
        if self.sent_at is not None:
            return "sent"
        return "waiting" if self.failed_at is None else "failed"

    def refuse(self, reasons: Mapping[str, str]) -> None:
        """Note recipients that are refused for good, with the server's words."""
        self.refused = {**self.refused, **reasons}
        self.outstanding = [each for each in self.outstanding if each not in reasons]

    @property
    def has_killed_its_workers(self) -> bool:
        """Tell whether every attempt so far ended without an answer, and there were enough."""
        return self.attempts >= MOST_DEATHS and not self.error

    def record_start(self) -> None:
        """Write that an attempt begins, so that one which kills its worker counts."""
        self.attempts += 1
        self.touched_at = timezone.now()
        if self.first_attempt_at is None:
            self.first_attempt_at = self.touched_at
        self.save(update_fields=STATE)

    def record_sent(self) -> None:
        """Write that the mail is sent, and forget what it said."""
        self.sent_at = self.touched_at = timezone.now()
        self.outstanding, self.content, self.error = [], b"", ""
        self.save(update_fields=(*STATE, "content"))

    def record_attempt(self, error: str) -> None:
        """Write that an attempt failed; the mail waits for another one."""
        self.error = error
        self.touched_at = timezone.now()
        self.save(update_fields=STATE)

    def record_failed(self, error: str) -> None:
        """Write that the mail is given up; its content is kept for a person to send again."""
        self.failed_at = timezone.now()
        self.record_attempt(error)

    def send_again(self) -> None:
        """Write that a failed mail waits anew, for everybody who did not get it."""
        self.outstanding = [each for each in self.recipients if self._is_owed(each)]
        self.refused, self.error, self.attempts = {}, "", 0
        self.failed_at = self.first_attempt_at = None
        self.touched_at = timezone.now()
        self.publication += 1
        self.save(update_fields=STATE)

    def _is_owed(self, recipient: str) -> bool:
        return recipient in self.outstanding or recipient in self.refused
