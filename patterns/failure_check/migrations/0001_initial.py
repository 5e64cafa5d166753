"""The tables. Few rows each, but samples: a chart of two days."""

import django.db.models.functions.datetime
from django.db import migrations, models

from ..fields import TextArray


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                (
                    "source",
                    models.TextField(help_text="The check that found it; it says when it is gone."),
                ),
                ("severity", models.TextField()),
                ("sentence", models.TextField()),
                ("remedy", models.TextField()),
                ("raised_at", models.DateTimeField()),
                (
                    "told_at",
                    models.DateTimeField(help_text="When it was last begun to be told.", null=True),
                ),
                ("cleared_at", models.DateTimeField(null=True)),
                (
                    "told",
                    TextArray(help_text="By which paths it was told."),
                ),
                (
                    "owed",
                    TextArray(help_text="By which paths it has yet to be told."),
                ),
            ],
            options={
                "db_table": "failure_check_alarm",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.TextField(
                        help_text='"beat", "relay", "worker mail@host".',
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("host", models.TextField()),
                ("pid", models.IntegerField()),
                (
                    "queues",
                    TextArray(help_text="What a worker takes from."),
                ),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "failure_check_heartbeat",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(help_text="When it began.")),
                ("by", models.TextField(help_text="The process: beat@host:pid.")),
                (
                    "leased_until",
                    models.DateTimeField(help_text="It has not ended yet.", null=True),
                ),
                ("watched_since", models.DateTimeField()),
            ],
            options={
                "db_table": "failure_check_run",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Sample",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("name", models.TextField()),
                ("value", models.FloatField()),
            ],
            options={
                "db_table": "failure_check_sample",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["name", "at"], name="failure_check_sample_name"),
                    models.Index(fields=["at"], name="failure_check_sample_at"),
                ],
            },
        ),
    ]
