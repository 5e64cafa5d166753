"""A lease for the delivery at work, an expiry, and the form in which a mail is kept."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Add the columns; a mail has a third end now, so what tells waiting mails is made anew."""

    dependencies = [("queued_mail", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="queuedmail", name="queued_mail_one_end"),
        migrations.RemoveIndex(model_name="queuedmail", name="queued_mail_waiting"),
        migrations.AddField(
            model_name="queuedmail",
            name="form",
            field=models.CharField(
                choices=[("bytes", "its bytes"), ("attributes", "its attributes, for an API")],
                default="bytes",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="lease",
            field=models.UUIDField(
                help_text="Token of the delivery at work: nobody else records what comes of it.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="leased_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="leased_by",
            field=models.TextField(default="", help_text="Its task, where nobody else runs that."),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="unanswered",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Attempts without an answer: as many second copies may be out.",
            ),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="died",
            field=models.PositiveIntegerField(
                default=0, help_text="Those among them whose worker died, and not the line."
            ),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="expires_at",
            field=models.DateTimeField(help_text="From then on it is not sent.", null=True),
        ),
        migrations.AddField(
            model_name="queuedmail",
            name="expired_at",
            field=models.DateTimeField(help_text="When it was seen to have expired.", null=True),
        ),
        migrations.AlterField(
            model_name="queuedmail",
            name="content",
            field=models.BinaryField(
                help_text="Emptied once the mail is sent, has expired or is given up."
            ),
        ),
        migrations.AddIndex(
            model_name="queuedmail",
            index=models.Index(
                condition=Q(sent_at=None, failed_at=None, expired_at=None),
                fields=["touched_at"],
                name="queued_mail_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="queuedmail",
            index=models.Index(
                condition=Q(expired_at__isnull=False),
                fields=["expired_at"],
                name="queued_mail_expired",
            ),
        ),
        migrations.AddConstraint(
            model_name="queuedmail",
            constraint=models.CheckConstraint(
                condition=Q(sent_at=None, failed_at=None)
                | Q(sent_at=None, expired_at=None)
                | Q(failed_at=None, expired_at=None),
                name="queued_mail_one_end",
            ),
        ),
    ]
