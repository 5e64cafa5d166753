"""What has happened to tasks, as lines of a table; and the admin's page of all of it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import configuration
from ..models import Event, Kind
from . import choosing, listing, permissions, showing
from .pages import Pages

NOTE_CHARACTERS = 500
# Of so many newest events those of one kind are looked for: the rest is a question for SQL.
LOOKED_AT = 50_000
_IDS = """
SELECT id FROM (SELECT id, kind, at FROM durable_tasks_event ORDER BY at DESC LIMIT %s) AS newest
WHERE %s OR kind = %s ORDER BY at DESC LIMIT %s OFFSET %s
"""


def shown(event: Event, address: str = "") -> dict[str, Any]:
    """Return what a table says about an event."""
    return {
        "at": event.at,
        "kind": event.kind,
        "title": showing.line(event.name) or "(no name)",
        "who": showing.line(event.by or event.at_worker),
        "note": showing.line(event.note, NOTE_CHARACTERS),
        "address": address,
    }


class HistoryAdmin(Pages):
    """Looked at by who may see failed tasks. Nothing can be done here."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It says no more than the failed tasks do."""
        return permissions.may(request, permissions.VIEW_FAILED)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Shown on the index to the same people."""
        return self.has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what happened, the newest first."""
        permissions.allow(request, permissions.VIEW_FAILED)
        choice = choosing.choice(request)
        page = listing.page_number(request.GET)
        kind = choice.values.get("kind", "")
        events, has_more = _listed(kind, page)
        context = {
            "is_list": True,
            "choice": choice,
            "kinds": [(each.value, choice.query(kind=each.value), each == kind) for each in Kind],
            "kind": kind,
            "events": [shown(each, self._address(each.task_id)) for each in events],
            **listing.turning(choice, page, has_more),
        }
        return self.page(request, "history.html", "History of tasks", **context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An event has no page; its task has one."""
        permissions.allow(request, permissions.VIEW_FAILED)
        return redirect(self.address("changelist"))

    def _address(self, task_id: UUID) -> str:
        return self.address("change", task_id, of="failedtask")


def _listed(kind: str, page: int) -> tuple[list[Event], bool]:
    start = (page - 1) * listing.ROWS_A_PAGE
    values = [LOOKED_AT, not kind, kind, listing.ROWS_A_PAGE + 1, start]
    ids = [row[0] for row in listing.ask(_IDS, values)]
    events = Event.objects.using(configuration.database()).filter(pk__in=ids[: listing.ROWS_A_PAGE])
    return list(events.order_by("-at", "-id")), len(ids) > listing.ROWS_A_PAGE
