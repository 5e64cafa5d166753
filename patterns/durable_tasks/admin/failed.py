"""The failed tasks in the admin: equal failures as groups, each task below, and what to do."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from .. import configuration
from ..reading import by_index
from ..selection import Group, groups
from . import acting, choosing, filters, listing, permissions, row_page, showing, words
from .actions import ACTIONS, Action
from .pages import LABEL, Pages
from .row import Row

# Of groups: a screen of them, and as many as a page can bear.
GROUPS_SHOWN = 15
MOST_GROUPS = 500


class FailedTaskAdmin(Pages):
    """Looked at by who has `view_failedtask`; replay and discard are permissions of their own."""

    def get_urls(self) -> list[Any]:
        """Add the pages of the two actions."""
        wrap, prefix = self.admin_site.admin_view, f"{LABEL}_{self.opts.model_name}"
        own = [
            path(f"{action.name}/", wrap(self._act(action)), name=f"{prefix}_{action.name}")
            for action in ACTIONS
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the groups, and the tasks one by one, that the request's filter leaves."""
        permissions.allow(request, permissions.VIEW_FAILED)
        if found := choosing.identified(request):
            return redirect(self.address("change", found))
        with by_index():
            return self.page(request, "failed.html", "Failed tasks", **self._context(request))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show all that is known of one task."""
        permissions.allow(request, permissions.VIEW_FAILED)
        return row_page.row_page(self, request, object_id)

    def _act(self, action: Action) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return acting.act(self, request, action)

        # Each thousand rows commit by themselves, whatever the project does with its requests.
        return transaction.non_atomic_requests(using=configuration.database())(view)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        choice, actions = choosing.choice(request), self._actions(request)
        found = groups(choice.selection(), MOST_GROUPS)
        # More kinds than that: what is exact is left to whoever counts.
        total = sum(each.count for each in found)
        shown = found if "all_groups" in request.GET else found[:GROUPS_SHOWN]
        return {
            "is_list": True,
            "choice": choice,
            "total": total,
            "counted": words.count(total, "task"),
            "number": f"{total:,}",
            "everything": choice.query(all="1"),
            "groups": [self._group(*each, choice, actions) for each in listing.examples(shown)],
            "groups_left": len(found) - len(shown),
            "all_groups": choice.query(all_groups="1"),
            "actions": actions,
            "filters": filters.of_failed(choice, found),
            "text": {
                "name": "text",
                "label": "Text in the error or arguments, a recipient, or an id",
                "value": choice.values.get("text", ""),
            },
            **self._rows(request, choice),
            **self._replayed(request),
        }

    def _rows(self, request: HttpRequest, choice: choosing.Choice) -> dict[str, Any]:
        page = listing.page_number(request.GET)
        rows, has_more = listing.failed(choice.selection(), page)
        return {
            "rows": [(row, self.address("change", row.id)) for row in rows],
            **listing.turning(choice, page, has_more),
        }

    def _replayed(self, request: HttpRequest) -> dict[str, Any]:
        """Return what has been replayed and has not ended: the list is not clear before."""
        rows, number = listing.replayed()
        may_view = permissions.may(request, permissions.VIEW_TASKS)
        return {
            "replayed": [
                (row, self.address("change", row.id, of="taskrow") if may_view else "")
                for row in rows
            ],
            "replayed_count": words.capped(number, listing.MOST_COUNTED),
            "replayed_left": words.capped(number - len(rows), listing.MOST_COUNTED),
        }

    def _group(
        self,
        group: Group,
        example: Row | None,
        choice: choosing.Choice,
        actions: list[dict[str, str]],
    ) -> dict[str, Any]:
        is_hopeless = group.count == 1 and example is not None and example.obstacle
        return {
            "title": showing.line(group.name) or "(no name)",
            "exception": words.reason(showing.line(group.exception)),
            "example": example,
            "group": group,
            "number": f"{group.count:,}",
            "query": choice.query(name=group.name or " ", exception=group.exception or " "),
            "actions": [each for each in actions if not (is_hopeless and each["name"] == "replay")],
        }

    def _actions(self, request: HttpRequest) -> list[dict[str, str]]:
        return [
            {"name": action.name, "verb": action.verb, "address": self.address(action.name)}
            for action in ACTIONS
            if permissions.may(request, action.permission)
        ]
