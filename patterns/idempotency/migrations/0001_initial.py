"""The table of effects."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the table, with one partial index for the clean-up."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Effect",
            fields=[
                ("key", models.CharField(max_length=255, primary_key=True, serialize=False)),
                (
                    "first_tried_at",
                    models.DateTimeField(help_text="The far side's memory of the key may end."),
                ),
                ("last_tried_at", models.DateTimeField(null=True)),
                (
                    "attempts",
                    models.PositiveIntegerField(
                        default=0, help_text="Those that may have done something."
                    ),
                ),
                (
                    "lease",
                    models.UUIDField(
                        help_text="Token of the run that may record the result.", null=True
                    ),
                ),
                ("leased_until", models.DateTimeField(null=True)),
                (
                    "holder",
                    models.TextField(
                        default="", help_text="The task whose next run may take over."
                    ),
                ),
                ("result", models.TextField(null=True)),
                ("recorded_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("recorded_at__isnull", False)),
                        fields=["recorded_at"],
                        name="idempotency_recorded",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("recorded_at", None), ("result", None)),
                            models.Q(
                                ("recorded_at__isnull", False),
                                ("result__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="idempotency_recorded_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease", None), ("leased_until", None)),
                            models.Q(("lease__isnull", False), ("leased_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="idempotency_leased_whole",
                    ),
                ],
            },
        ),
    ]
