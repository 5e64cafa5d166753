"""What the pages have in common: nothing is added, edited or deleted by a form of Django's."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

LABEL = "durable_tasks"


class Pages(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Pages to look at tasks. What can be done to them is a permission of its own each."""

    def page(
        self, request: HttpRequest, template: str, title: str, **more: Any
    ) -> TemplateResponse:
        """Return a page in the admin's frame, which the browser keeps no copy of."""
        context = {
            **self.admin_site.each_context(request),
            **{"title": title, "opts": self.opts, "list_address": self.address("changelist")},
            **more,
        }
        request.current_app = self.admin_site.name  # for {% url %}
        return TemplateResponse(request, f"{LABEL}/{template}", context)

    def address(self, view: str, *arguments: Any, of: str = "", **query: Any) -> str:
        """Return where a view of this model (or of the model `of`) is."""
        name = f"admin:{LABEL}_{of or self.opts.model_name}_{view}"
        found = reverse(name, args=arguments, current_app=self.admin_site.name)
        return f"{found}?{urlencode(query, doseq=True)}" if query else found

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tasks are enqueued, not added."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No field can be edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A row is replayed, discarded or cancelled: each leaves a trace."""
        return False
