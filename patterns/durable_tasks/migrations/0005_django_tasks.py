"""What is kept of a Django task when its row is gone, and of its failed attempts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("durable_tasks", "0004_planned_statements"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailedAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("task_id", models.UUIDField()),
                (
                    "at",
                    models.DateTimeField(
                        db_default=models.Func(
                            function="clock_timestamp", output_field=models.DateTimeField()
                        )
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("worker", models.TextField()),
                ("exception_class", models.TextField(help_text="Its dotted path.")),
                ("traceback", models.TextField()),
            ],
            options={
                "db_table": "durable_tasks_attempt",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["task_id", "at"], name="durable_attempt_task"),
                    models.Index(fields=["at"], name="durable_attempt_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                (
                    "id",
                    models.UUIDField(help_text="The task's.", primary_key=True, serialize=False),
                ),
                ("name", models.TextField()),
                ("queue", models.TextField()),
                ("options", models.TextField()),
                ("arguments", models.TextField()),
                ("enqueued_at", models.DateTimeField()),
                ("started_at", models.DateTimeField()),
                ("last_attempted_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("workers", models.TextField(help_text="As JSON.")),
                ("return_value", models.TextField()),
            ],
            options={
                "db_table": "durable_tasks_result",
                "default_permissions": (),
                "indexes": [models.Index(fields=["expires_at"], name="durable_result_expires")],
            },
        ),
    ]
