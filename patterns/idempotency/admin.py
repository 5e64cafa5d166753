"""The effects in Django's admin: to look at, and to forget one that was not done after all."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from .errors import NothingToResolve
from .models import Effect
from .resolving import forget


@admin.register(Effect)
class EffectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Nothing can be changed but by the action: a result is what the far side said."""

    list_display = ("key", "attempts", "first_tried_at", "last_tried_at", "recorded_at")
    list_filter = (("recorded_at", admin.EmptyFieldListFilter),)
    search_fields = ("key",)
    ordering = ("-first_tried_at",)
    exclude = ("lease",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("forget_undone",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the one filter (else 400): others would tell a lease's token letter by letter."""
        return lookup == "recorded_at__isempty"

    @admin.action(
        description="Forget: the far side has NOT done it, so a replay may", permissions=["forget"]
    )
    def forget_undone(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Forget the chosen effects that have no result and no run."""
        for key in queryset.values_list("pk", flat=True):
            try:
                forget(key)
            except NothingToResolve as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                self.message_user(request, f"Forgotten: {key}. Replay its task.", messages.SUCCESS)

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete effects may forget one."""
        return super().has_delete_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Effects are not made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No field can be edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A recorded result is what keeps the effect from being done again."""
        return False
