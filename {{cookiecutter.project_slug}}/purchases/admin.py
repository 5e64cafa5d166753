"""The catalogue and the orders in Django's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from purchases.models import Order, Product

STATES = {
    "placed": Q(charged_at=None, declined_at=None),
    "charged": Q(charged_at__isnull=False, packed_at=None),
    "packed": Q(packed_at__isnull=False),
    "declined": Q(declined_at__isnull=False),
    "unmailed": Q(mailed_at=None),
}


class StateFilter(admin.SimpleListFilter):
    """Lists the orders that stand at one step."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices in the order of the steps."""
        return [
            ("placed", "Waits for its charge"),
            ("charged", "Waits for its pack-in"),
            ("packed", "Packed"),
            ("declined", "Payment declined"),
            ("unmailed", "Confirmation not sent yet"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Return the orders of the chosen state, all where none (or none of ours) is chosen."""
        return queryset.filter(STATES.get(self.value() or "", Q()))


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs alone
    """What is sold: a product that was bought can be deactivated, not deleted."""

    list_display = ("name", "price", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "description")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012  Django's way to declare it


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs alone
    """What was bought, to look at: an order is changed by its tasks alone."""

    list_display = ("__str__", "customer", "product_name", "price", "placed_at", "state")
    list_filter = (StateFilter, "placed_at")
    list_select_related = ("customer",)
    search_fields = ("id", "customer__email", "product_name", "charge_id")
    date_hierarchy = "placed_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: an order comes from a purchase."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Refuse: a date set by hand would claim a charge that was not made."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Refuse: the books are kept."""
        return False
