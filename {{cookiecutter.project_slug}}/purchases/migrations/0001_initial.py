"""Make the tables of the catalogue and of the orders."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The first tables of this app."""

    initial = True

    dependencies = (migrations.swappable_dependency(settings.AUTH_USER_MODEL),)

    operations = (
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField()),
                (
                    "picture",
                    models.CharField(
                        choices=[
                            ("whistle", "Whistle"),
                            ("lantern", "Lantern"),
                            ("bell", "Bell"),
                            ("flags", "Flags"),
                            ("logbook", "Logbook"),
                            ("lighthouse", "Lighthouse"),
                        ],
                        default="whistle",
                        max_length=20,
                    ),
                ),
                (
                    "price_cents",
                    models.PositiveIntegerField(
                        help_text="1250 stands for €12.50",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="price in cents",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="is sold")),
            ],
            options={
                "ordering": ("price_cents", "slug"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("price_cents__gte", 1)), name="product_has_a_price"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("purchase_token", models.UUIDField(editable=False)),
                ("product_name", models.CharField(max_length=100)),
                ("price_cents", models.PositiveIntegerField(verbose_name="price in cents")),
                ("currency", models.CharField(max_length=3)),
                (
                    "placed_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "confirmation_message_id",
                    models.CharField(max_length=320, verbose_name="confirmation's Message-ID"),
                ),
                (
                    "mailed_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="confirmation mailed at"
                    ),
                ),
                (
                    "charge_id",
                    models.CharField(
                        blank=True, max_length=255, verbose_name="charge at the payment provider"
                    ),
                ),
                ("charged_at", models.DateTimeField(blank=True, null=True)),
                ("declined_at", models.DateTimeField(blank=True, null=True)),
                ("decline_reason", models.CharField(blank=True, max_length=255)),
                ("pack_in", models.TextField(blank=True, verbose_name="pack-in materials")),
                ("packed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="purchases.product",
                    ),
                ),
            ],
            options={
                "ordering": ("-placed_at", "id"),
                "indexes": [
                    models.Index(fields=["customer", "-placed_at"], name="order_by_customer")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "purchase_token"), name="order_once_per_purchase_token"
                    ),
                    models.UniqueConstraint(
                        fields=("confirmation_message_id",), name="order_of_confirmation"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("charged_at", None), ("declined_at", None), _connector="OR"
                        ),
                        name="order_is_not_charged_and_declined",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("packed_at", None), ("charged_at__isnull", False), _connector="OR"
                        ),
                        name="order_is_packed_after_the_charge",
                    ),
                ],
            },
        ),
    )
