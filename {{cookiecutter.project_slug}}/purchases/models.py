"""What is sold, and what was bought."""

import uuid

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from purchases.money import CURRENCY, format_amount


class Picture(models.TextChoices):
    """The drawings in `static/products/`: a choice, since a wrong file name would break pages."""

    WHISTLE = "whistle", "Whistle"
    LANTERN = "lantern", "Lantern"
    BELL = "bell", "Bell"
    FLAGS = "flags", "Flags"
    LOGBOOK = "logbook", "Logbook"
    LIGHTHOUSE = "lighthouse", "Lighthouse"


class Product(models.Model):
    """Something in the catalogue. Deactivated, it cannot be bought; its orders stay."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField()
    picture = models.CharField(max_length=20, choices=Picture, default=Picture.WHISTLE)
    price_cents = models.PositiveIntegerField(
        "price in cents", validators=[MinValueValidator(1)], help_text="1250 stands for €12.50"
    )
    is_active = models.BooleanField("is sold", default=True)

    class Meta:
        """The shelf is sorted by price; nothing is given away."""

        ordering = ("price_cents", "slug")
        constraints = (
            models.CheckConstraint(condition=Q(price_cents__gte=1), name="product_has_a_price"),
        )

    def __str__(self) -> str:
        """Return what the catalogue calls it."""
        return self.name

    def get_absolute_url(self) -> str:
        """Return the page on which it is bought."""
        return reverse("purchases:buy", args=[self.slug])

    @property
    def picture_file(self) -> str:
        """Return the name of its drawing among the static files."""
        return f"products/{self.picture}.svg"

    @property
    def price(self) -> str:
        """Return the price as people read it."""
        return format_amount(self.price_cents, CURRENCY)


class Order(models.Model):
    """One purchase, and how far it has come; each `..._at` is set once, with what it stands for.

    Name and price are copied: what the catalogue says later does not change what was bought.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Made when the buy button is rendered: pressed twice, or in two tabs, it buys once.
    purchase_token = models.UUIDField(editable=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="orders")
    product_name = models.CharField(max_length=100)
    price_cents = models.PositiveIntegerField("price in cents")
    currency = models.CharField(max_length=3)
    placed_at = models.DateTimeField(default=timezone.now, editable=False)
    # 320: our part of it, and the longest domain. Every mail that leaves is looked up here.
    confirmation_message_id = models.CharField("confirmation's Message-ID", max_length=320)
    mailed_at = models.DateTimeField("confirmation mailed at", null=True, blank=True)
    charge_id = models.CharField("charge at the payment provider", max_length=255, blank=True)
    charged_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.CharField(max_length=255, blank=True)
    pack_in = models.TextField("pack-in materials", blank=True)
    packed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """The rules that hold whatever the code above them does."""

        ordering = ("-placed_at", "id")
        indexes = (models.Index(fields=["customer", "-placed_at"], name="order_by_customer"),)
        constraints = (
            models.UniqueConstraint(
                fields=["customer", "purchase_token"], name="order_once_per_purchase_token"
            ),
            models.UniqueConstraint(
                fields=["confirmation_message_id"], name="order_of_confirmation"
            ),
            models.CheckConstraint(
                condition=Q(charged_at=None) | Q(declined_at=None),
                name="order_is_not_charged_and_declined",
            ),
            models.CheckConstraint(
                condition=Q(packed_at=None) | Q(charged_at__isnull=False),
                name="order_is_packed_after_the_charge",
            ),
        )

    def __str__(self) -> str:
        """Return what people call it."""
        return f"Order {self.number}"

    def get_absolute_url(self) -> str:
        """Return the customer's page of it."""
        return reverse("purchases:order", args=[self.id])

    @property
    def number(self) -> str:
        """Return the part of the id that people read aloud."""
        return str(self.id)[:8].upper()

    @property
    def state_class(self) -> str:
        """Return the style sheet's word for the state."""
        if self.declined_at is not None:
            return "failed"
        return "current" if self.packed_at is None else "done"

    @property
    def state(self) -> str:
        """Return the last step that it came to, in a word."""
        if self.declined_at is not None:
            return "Declined"
        if self.packed_at is not None:
            return "Packed"
        return "Placed" if self.charged_at is None else "Charged"

    @property
    def price(self) -> str:
        """Return what was paid, as people read it."""
        return format_amount(self.price_cents, self.currency)
