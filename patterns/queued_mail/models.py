"""The row of a mail: written in the caller's transaction, the truth about its delivery."""

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from . import configuration

MESSAGE_ID_LENGTH = 900  # a line of a header has 998 at most, and an index entry is bounded
SUBJECT_LENGTH = 200  # for people only; the whole one is in the content
FORMS = (("bytes", "its bytes"), ("attributes", "its attributes, for an API"))


class QueuedMailQuerySet(models.QuerySet["QueuedMail"]):
    """Mails by their state."""

    def waiting(self) -> "QueuedMailQuerySet":
        """Return what is neither sent nor failed nor expired."""
        return self.filter(sent_at=None, failed_at=None, expired_at=None)

    def ended_before(self, then: datetime) -> "QueuedMailQuerySet":
        """Return what was sent, or expired, before then."""
        return self.filter(Q(sent_at__lt=then) | Q(expired_at__lt=then))

    def replayable(self) -> "QueuedMailQuerySet":
        """Return what has failed, and still has what it says."""
        return self.filter(failed_at__isnull=False).exclude(content=b"")

    def failed_too_long_ago(self, now: datetime) -> "QueuedMailQuerySet":
        """Return what failed so long ago, or is of no use any more, that nobody sends it again."""
        old = Q(failed_at__lt=now - configuration.keep_failed()) | Q(expires_at__lt=now)
        return self.replayable().filter(old)

    def delete_content(self, why: str) -> int:
        """Empty what mails say, and write why; their rows stay."""
        more = Concat("error", Value(f" {why}"), output_field=models.TextField())
        said = Case(When(error="", then=Value(why)), default=more, output_field=models.TextField())
        return self.update(content=b"", error=said)

    def forgotten(self, now: datetime) -> "QueuedMailQuerySet":
        """Return what waits without a sign of life: its task message or its worker was lost."""
        unanswered = Q(error="", touched_at__lt=now - configuration.forgotten_after())
        retried = Q(touched_at__lt=now - configuration.retry_forgotten_after())
        return self.waiting().filter(unanswered | retried).exclude(leased_until__gte=now)


class QueuedMailManager(models.Manager["QueuedMail"]):
    """Has the methods above; says so also to type checkers without a plugin for Django."""

    def using(self, alias: str | None) -> QueuedMailQuerySet:
        """Return all mails of a database."""
        return QueuedMailQuerySet(self.model, using=alias)


class QueuedMail(models.Model):
    """One mail: what the mail server gets, and who is delivering it until when."""

    # Random, so that it is known before the insertion and says nothing to a stranger.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    message_id = models.CharField(max_length=MESSAGE_ID_LENGTH)
    sender = models.TextField()
    recipients = models.JSONField(help_text="All of the envelope: To, Cc and Bcc.")
    outstanding = models.JSONField(help_text="Recipients whose server has not answered for good.")
    refused = models.JSONField(default=dict, help_text="Recipients refused for good, and why.")
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    form = models.CharField(max_length=10, choices=FORMS, default="bytes")
    content = models.BinaryField(
        help_text="Emptied once the mail is sent, has expired or is given up."
    )
    size_bytes = models.PositiveIntegerField()
    enqueued_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(
        default=timezone.now, help_text="When it was last published or tried."
    )
    publication = models.PositiveIntegerField(
        default=1, help_text="Number of its newest task message, which is retried."
    )
    lease = models.UUIDField(
        null=True, help_text="Token of the delivery at work: nobody else records what comes of it."
    )
    leased_until = models.DateTimeField(null=True)
    leased_by = models.TextField(help_text="Its task, where nobody else runs that.")
    attempts = models.PositiveIntegerField(default=0)
    unanswered = models.PositiveIntegerField(
        default=0, help_text="Attempts without an answer: as many second copies may be out."
    )
    died = models.PositiveIntegerField(
        default=0, help_text="Those among them whose worker died, and not the line."
    )
    first_attempt_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="From then on it is not sent.")
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True, help_text="When it was seen to have expired.")
    error = models.TextField()

    objects = QueuedMailManager.from_queryset(QueuedMailQuerySet)()

    class Meta:
        """Partial indexes, so that each sweep reads what it needs and nothing else."""

        verbose_name = "mail"
        constraints = (
            models.UniqueConstraint(fields=("message_id",), name="queued_mail_message_id"),
            models.CheckConstraint(
                condition=Q(sent_at=None, failed_at=None)
                | Q(sent_at=None, expired_at=None)
                | Q(failed_at=None, expired_at=None),
                name="queued_mail_one_end",
            ),
        )
        indexes = (
            models.Index(
                fields=("touched_at",),
                condition=Q(sent_at=None, failed_at=None, expired_at=None),
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
            models.Index(
                fields=("expired_at",),
                condition=Q(expired_at__isnull=False),
                name="queued_mail_expired",
            ),
        )

    def __str__(self) -> str:
        """Return the subject, or the Message-ID where there is none."""
        return self.subject or self.message_id

    @property
    def state(self) -> str:
        """Return "sent", "failed", "expired" or "waiting"."""
        ends = {"sent": self.sent_at, "failed": self.failed_at, "expired": self.expired_at}
        return next((name for name, at in ends.items() if at is not None), "waiting")

    def is_owed(self, recipient: str) -> bool:
        """Tell whether a failed mail did not reach a recipient."""
        return recipient in self.outstanding or recipient in self.refused
