"""Analytics in the admin: to look at."""

from django.contrib import admin
from django.http import HttpRequest

from analytics.models import EventCount


@admin.register(EventCount)
class EventCountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in stubs alone
    """Shows the counts. Nobody changes them by hand, or they would be nobody's counts."""

    list_display = ("day", "name", "count")
    list_filter = ("name",)
    date_hierarchy = "day"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a count."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: EventCount | None = None) -> bool:
        """Nobody changes a count."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: EventCount | None = None) -> bool:
        """Nobody deletes a count."""
        return False
