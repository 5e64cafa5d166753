"""The table of queued mails."""

import uuid

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the table, with one partial index for each state."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="QueuedMail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("message_id", models.CharField(max_length=900)),
                ("sender", models.TextField()),
                ("recipients", models.JSONField(help_text="All of the envelope: To, Cc and Bcc.")),
                (
                    "outstanding",
                    models.JSONField(
                        help_text="Recipients whose server has not answered for good."
                    ),
                ),
                (
                    "refused",
                    models.JSONField(
                        default=dict, help_text="Recipients refused for good, and why."
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("content", models.BinaryField(help_text="Emptied once the mail is sent.")),
                ("size_bytes", models.PositiveIntegerField()),
                ("enqueued_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "touched_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="When it was last published or tried.",
                    ),
                ),
                (
                    "publication",
                    models.PositiveIntegerField(
                        default=1,
                        help_text="Number of its newest task message, which is retried.",
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("first_attempt_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("error", models.TextField()),
            ],
            options={
                "verbose_name": "mail",
                "indexes": [
                    models.Index(
                        condition=models.Q(("failed_at", None), ("sent_at", None)),
                        fields=["touched_at"],
                        name="queued_mail_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("sent_at__isnull", False)),
                        fields=["sent_at"],
                        name="queued_mail_sent",
                    ),
                    models.Index(
                        condition=models.Q(("failed_at__isnull", False)),
                        fields=["failed_at"],
                        name="queued_mail_failed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("message_id",), name="queued_mail_message_id"),
                    models.CheckConstraint(
                        condition=models.Q(("sent_at", None), ("failed_at", None), _connector="OR"),
                        name="queued_mail_one_end",
                    ),
                ],
            },
        ),
    ]
