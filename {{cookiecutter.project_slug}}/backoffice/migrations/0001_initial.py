"""The rebuilds and the customer indexes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IndexRebuild",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("customer_count", models.PositiveIntegerField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("is_abandoned", models.BooleanField(default=False)),
                (
                    "started_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="CustomerIndex",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("orders_count", models.PositiveIntegerField(default=0)),
                ("total_cents", models.PositiveBigIntegerField(default=0)),
                ("last_order_at", models.DateTimeField(null=True)),
                ("rebuilt_at", models.DateTimeField(null=True, verbose_name="rebuilt")),
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="customer_index",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "awaited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="awaited",
                        to="backoffice.indexrebuild",
                    ),
                ),
                (
                    "rebuild",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="indexes",
                        to="backoffice.indexrebuild",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "customer indexes",
                "ordering": (
                    models.OrderBy(models.F("last_order_at"), descending=True, nulls_last=True),
                    "customer_id",
                ),
            },
        ),
        migrations.AddConstraint(
            model_name="indexrebuild",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)),
                fields=("finished_at",),
                name="backoffice_one_running_rebuild",
                nulls_distinct=False,
            ),
        ),
    ]
