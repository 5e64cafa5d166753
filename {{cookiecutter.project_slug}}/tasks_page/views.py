"""The page, and the switch of a queue."""

import logging

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from config.celery import app
from config.queues import SHOP
from patterns.durable_tasks import pausing
from tasks_page import access, showing

logger = logging.getLogger(__name__)


@never_cache
@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Show how things are, to the page that refreshes itself too; 403 without the permission."""
    _require(request, access.SEE)
    context = {
        "shown": showing.shown(),
        "may_pause": access.may(request, access.PAUSE),
        "may_see_failed": access.may(request, access.FAILED),
    }
    return render(request, "tasks_page/index.html", context)


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Pause or resume a queue of the shop's. Doing it twice does it once."""
    _require(request, access.PAUSE)
    action = "resume" if "resume" in request.POST else "pause"
    name = request.POST.get(action, "")
    if name not in SHOP.by_name:
        messages.error(request, "Nothing was changed: the shop has no such queue.")
    elif action == "pause":
        pausing.pause(app, name)
        messages.warning(request, f"Queue {name} is paused: its tasks wait until it is resumed.")
        logger.warning("Queue %s was paused by user %s.", name, request.user.pk)
    else:
        pausing.resume(app, name)
        messages.success(request, f"Queue {name} is open: its tasks start again.")
        logger.warning("Queue %s was resumed by user %s.", name, request.user.pk)
    return redirect("tasks_page:index")


def _require(request: HttpRequest, permission: str) -> None:
    if not access.may(request, permission):
        raise PermissionDenied(
            "This page is for staff on call. Ask an administrator for the group “On call”."
        )
