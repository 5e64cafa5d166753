"""The mails in Django's admin: to look at, and to send a failed one again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from .again import send_again
from .calls import recipients
from .models import QueuedMail
from .tasks import deliver


class StateFilter(admin.SimpleListFilter):
    """Waiting, sent, failed or expired."""

    title = "state"
    parameter_name = "state"
    conditions = {  # noqa: RUF012  Django's filters are plain classes
        "waiting": Q(sent_at=None, failed_at=None, expired_at=None),
        "failed": Q(failed_at__isnull=False),
        "expired": Q(expired_at__isnull=False),
        "sent": Q(sent_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states to choose from."""
        return [(state, state.capitalize()) for state in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the mails in the chosen state."""
        return queryset.filter(self.conditions.get(self.value() or "", Q()))


@admin.register(QueuedMail)
class QueuedMailAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Nothing can be changed, and what a mail says (a password reset, say) is not shown."""

    list_display = ("subject", "state", "to", "attempts", "enqueued_at", "sent_at", "error")
    list_filter = (StateFilter,)
    search_fields = ("message_id", "subject", "recipients")
    ordering = ("-enqueued_at",)
    exclude = ("content",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the contents in the database: they are large, and not shown."""
        return super().get_queryset(request).defer("content")

    @admin.display(description="to")
    def to(self, mail: QueuedMail) -> str:
        """Return the first recipients."""
        return recipients(mail)

    @admin.action(description="Send failed mails again", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let the failed ones among the chosen mails wait for delivery anew."""
        by = f"{request.user} ({request.user.pk})"
        chosen = list(queryset.values_list("pk", flat=True))
        deleted = queryset.filter(failed_at__isnull=False, content=b"").count()
        count = send_again(deliver, chosen, by=by)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"Failed mails to be sent again: {count}.", level)
        if deleted:
            why = f"Not sent again, since what they said is deleted: {deleted}. Send new ones."
            self.message_user(request, why, messages.WARNING)

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Whoever may change mails may send one again."""
        return super().has_change_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Narrow the list by state alone: Django would let the address ask for any column, and so
        for what a mail says, letter by letter."""
        return lookup == StateFilter.parameter_name

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Mails are not made here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Clean-up deletes what is old: the task of a mail that is gone would succeed unsent."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No field can be edited."""
        return False
