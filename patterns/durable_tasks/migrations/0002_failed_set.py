"""What the failed set says about a task, and the events of its history."""

import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("durable_tasks", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("task_id", models.UUIDField()),
                ("name", models.TextField()),
                (
                    "at",
                    models.DateTimeField(
                        db_default=models.Func(
                            function="clock_timestamp", output_field=models.DateTimeField()
                        )
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("failed", "Failed"),
                            ("crashed", "Crashed"),
                            ("retried", "Retried"),
                            ("replayed", "Replayed"),
                            ("discarded", "Discarded"),
                            ("cancelled", "Cancelled"),
                            ("succeeded", "Succeeded"),
                        ]
                    ),
                ),
                (
                    "by",
                    models.TextField(
                        db_default="", default="", help_text="A person; the machine is ''."
                    ),
                ),
                (
                    "at_worker",
                    models.TextField(db_default="", default="", help_text="Celery's name of it."),
                ),
                (
                    "note",
                    models.TextField(db_default="", default="", help_text="The error, in words."),
                ),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "history",
                "db_table": "durable_tasks_event",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FailedTask",
            fields=[],
            options={
                "verbose_name": "failed task",
                "permissions": (
                    ("replay_failedtask", "Can replay failed tasks"),
                    ("discard_failedtask", "Can discard failed tasks"),
                    ("see_arguments", "Can see the arguments of tasks"),
                ),
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("durable_tasks.taskrow",),
        ),
        migrations.AlterModelOptions(
            name="taskrow",
            options={
                "default_permissions": ("view",),
                "permissions": (("cancel_taskrow", "Can cancel tasks that have not ended"),),
                "verbose_name": "task",
            },
        ),
        migrations.AddField(
            model_name="taskrow",
            name="discarded_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="taskrow",
            name="exception",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Left(
                    django.db.models.functions.comparison.Coalesce(
                        models.Func(
                            models.F("error"),
                            models.Value(r"^([^[:space:]:]+)(?:: |:?$)"),
                            function="substring",
                            output_field=models.TextField(),
                        ),
                        models.F("reason"),
                    ),
                    100,
                ),
                output_field=models.TextField(),
            ),
        ),
        migrations.AddField(
            model_name="taskrow",
            name="failures",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="taskrow",
            name="origin",
            field=models.TextField(
                db_default="", default="", help_text="Enqueued by: host:process."
            ),
        ),
        migrations.AddField(
            model_name="taskrow",
            name="plain",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="An ordinary Celery task, recorded when it ended.",
            ),
        ),
        migrations.AlterField(
            model_name="taskrow",
            name="state",
            field=models.SmallIntegerField(
                choices=[
                    (0, "scheduled"),
                    (1, "ready"),
                    (2, "published"),
                    (3, "running"),
                    (4, "failed"),
                    (5, "discarded"),
                ],
                db_default=1,
                default=1,
            ),
        ),
        migrations.AddIndex(
            model_name="taskrow",
            index=models.Index(
                condition=models.Q(("state", 4)),
                fields=["name", "exception", "failed_at"],
                include=["queue"],
                name="durable_task_failed_group",
            ),
        ),
        migrations.AddIndex(
            model_name="taskrow",
            index=models.Index(
                condition=models.Q(("failures__gt", 0), ("state__lt", 4)),
                fields=["due_at"],
                name="durable_task_replayed",
            ),
        ),
        migrations.AddIndex(
            model_name="taskrow",
            index=models.Index(
                condition=models.Q(("state", 5)),
                fields=["discarded_at"],
                name="durable_task_discarded",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["task_id", "at"], name="durable_event_task"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["at"], name="durable_event_at"),
        ),
    ]
