"""The tables, and how often PostgreSQL tidies the one whose rows come and go."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="QueueRow",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("is_paused", models.BooleanField(db_default=False, default=False)),
                ("is_listened", models.BooleanField(db_default=False, default=False)),
                (
                    "rows",
                    models.BigIntegerField(db_default=0, default=0, help_text="As last counted."),
                ),
                (
                    "is_full",
                    models.BooleanField(
                        db_default=False, default=False, help_text="Takes no more."
                    ),
                ),
                ("measured_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "queue",
                "db_table": "durable_tasks_queue",
                "default_permissions": (),
                "permissions": (("pause_queuerow", "Can pause and resume queues"),),
            },
        ),
        migrations.CreateModel(
            name="Firing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry", models.TextField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "db_table": "durable_tasks_firing",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("entry", "due_at"), name="durable_task_one_firing"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskRow",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.TextField()),
                ("queue", models.TextField()),
                (
                    "rank",
                    models.SmallIntegerField(
                        db_default=0, default=0, help_text="The lowest goes first."
                    ),
                ),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[
                            (0, "scheduled"),
                            (1, "ready"),
                            (2, "published"),
                            (3, "running"),
                            (4, "failed"),
                        ],
                        db_default=1,
                        default=1,
                    ),
                ),
                (
                    "enqueued_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "due_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                (
                    "publication",
                    models.UUIDField(help_text="Token of its one valid message.", null=True),
                ),
                (
                    "claim",
                    models.UUIDField(help_text="Token of the run that may end it.", null=True),
                ),
                ("worker", models.TextField(db_default="", default="")),
                ("process", models.TextField(db_default="", default="")),
                ("started_at", models.DateTimeField(null=True)),
                ("retries", models.IntegerField(db_default=0, default=0)),
                ("crashes", models.IntegerField(db_default=0, default=0)),
                ("max_crashes", models.SmallIntegerField(db_default=3, default=3)),
                ("arguments", models.TextField()),
                (
                    "shown",
                    models.TextField(
                        db_default="", default="", help_text="The arguments, redacted."
                    ),
                ),
                ("options", models.TextField(db_default="", default="")),
                ("unique_key", models.TextField(null=True)),
                ("unknown_since", models.DateTimeField(null=True)),
                ("first_failed_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(db_default="", default="")),
                ("error", models.TextField(db_default="", default="")),
                ("traceback", models.TextField(db_default="", default="")),
                (
                    "message",
                    models.BinaryField(help_text="A message that could not be read.", null=True),
                ),
            ],
            options={
                "verbose_name": "task",
                "db_table": "durable_tasks_task",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", 1)),
                        fields=["queue", "rank", "due_at"],
                        name="durable_task_ready",
                    ),
                    models.Index(
                        condition=models.Q(("state", 0)),
                        fields=["due_at"],
                        include=["queue"],
                        name="durable_task_scheduled",
                    ),
                    models.Index(
                        condition=models.Q(("state", 2)),
                        fields=["queue", "leased_until"],
                        name="durable_task_published",
                    ),
                    models.Index(
                        condition=models.Q(("state", 3)),
                        fields=["leased_until"],
                        name="durable_task_running",
                    ),
                    models.Index(
                        condition=models.Q(("state", 4)),
                        fields=["failed_at", "id"],
                        name="durable_task_failed",
                    ),
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False), ("state__lt", 2)),
                        fields=["expires_at"],
                        name="durable_task_expiring",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("unique_key__isnull", False)),
                        fields=("unique_key",),
                        name="durable_task_unique_key",
                    )
                ],
            },
        ),
        # By default a fifth of the table has to be dead first: at a million waiting rows every
        # claim would wade through 200,000 dead ones. Room on a page keeps new versions near.
        migrations.RunSQL(
            "ALTER TABLE durable_tasks_task SET (fillfactor = 80, "
            "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, "
            "autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);"
            "ALTER TABLE durable_tasks_queue SET (fillfactor = 50, "
            "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200)",
            migrations.RunSQL.noop,
        ),
    ]
