"""The tasks that have not ended: what waits, for what, what runs where; and cancelling them.

Flower shows what is at the broker; a backlog is in PostgreSQL, and is seen here.
"""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from .. import configuration
from ..models import State
from ..reading import by_index
from ..selection import Selection, count
from . import backlog, cancelling, choosing, filters, listing, permissions, row_page, words
from .pages import LABEL, Pages

# What a state's tasks wait for, or have done last.
WHEN = {
    State.SCHEDULED: ("Starts", "due_at"),
    State.READY: ("Enqueued", "enqueued_at"),
    State.PUBLISHED: ("Enqueued", "enqueued_at"),
    State.RUNNING: ("Started", "started_at"),
    State.DISCARDED: ("Discarded", "discarded_at"),
}


class TaskAdmin(Pages):
    """Looked at by who has `view_taskrow`; cancelling is a permission of its own."""

    def get_urls(self) -> list[Any]:
        """Add the page of the action."""
        # Each thousand rows commit by themselves, whatever the project does with its requests.
        alone = transaction.non_atomic_requests(using=configuration.database())
        view = self.admin_site.admin_view(alone(lambda request: cancelling.cancel(self, request)))
        own = path("cancel/", view, name=f"{LABEL}_{self.opts.model_name}_cancel")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how many wait in each queue, and those in one state one by one."""
        permissions.allow(request, permissions.VIEW_TASKS)
        if found := choosing.identified(request):
            return redirect(self.address("change", found))
        with by_index():
            return self.page(request, "tasks.html", "Tasks", **self._context(request))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show all that is known of one task."""
        permissions.allow(request, permissions.VIEW_TASKS)
        return row_page.row_page(self, request, object_id)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        choice = choosing.choice(request)
        counts = backlog.counts()
        state = _state(request, counts)
        page = listing.page_number(request.GET)
        meant = cancelling.of_state(choice, state)
        rows, has_more = backlog.listed(meant, state, page)
        label, moment = WHEN[state]
        may_cancel = state < State.FAILED and permissions.may(request, permissions.CANCEL)
        return {
            "is_list": True,
            "choice": choice,
            "counts": counts,
            "columns": [each.label for each in backlog.SHOWN],
            "meanings": [(each.label, words.STATES[each]) for each in backlog.SHOWN],
            "state": state,
            "is_running": state == State.RUNNING,
            "rows": [(row, self.address("change", row.id), getattr(row, moment)) for row in rows],
            "when_label": label,
            "may_cancel": may_cancel,
            "cancel_all": self._cancel_all(choice, state, meant) if may_cancel else None,
            "cancel_address": self.address("cancel"),
            "failed_address": self.address("changelist", of="failedtask"),
            "filters": filters.of_tasks(choice, state),
            "text": {"name": "name", "label": "Task's name, or an id", "value": choice.name},
            **listing.turning(choice, page, has_more),
        }

    def _cancel_all(
        self, choice: choosing.Choice, state: State, meant: Selection
    ) -> dict[str, str] | None:
        """Return the button for all that wait in a state, and match the filter; none for one."""
        number = count(meant, listing.MOST_COUNTED)
        if state not in cancelling.WAITING or number < 2:
            return None
        query = choice.query(state=str(state.value))
        counted = words.capped(number, listing.MOST_COUNTED)
        return {"address": self.address("cancel") + query, "counted": counted}


def _state(request: HttpRequest, counts: list[backlog.Backlog]) -> State:
    """Return the state that is asked for; else the first that has tasks, from what runs back."""
    number = choosing.number(request.GET, "state", 9)
    if request.GET.get("state") and number in backlog.SHOWN:
        return State(number)
    for state in (State.RUNNING, State.PUBLISHED, State.READY, State.SCHEDULED):
        if any(each.of(state) for each in counts):
            return state
    return State.READY
