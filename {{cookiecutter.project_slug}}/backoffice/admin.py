"""The back office in the admin: to look at, for tasks alone write these rows."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from backoffice.models import CustomerIndex, IndexRebuild


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in stubs alone
    """Shows rows that nobody changes by hand.

    Deleting them stays possible: the admin could not delete a customer without the index.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a row."""
        return False


@admin.register(IndexRebuild)
class IndexRebuildAdmin(ReadOnly):
    """The rebuilds."""

    list_display = ("started_at", "started_by", "customer_count", "finished_at", "is_abandoned")
    list_select_related = ("started_by",)


@admin.register(CustomerIndex)
class CustomerIndexAdmin(ReadOnly):
    """The customers' indexes."""

    list_display = ("customer", "orders_count", "total", "last_order_at", "rebuilt_at")
    list_select_related = ("customer",)
    search_fields = ("customer__email", "customer__name")
