"""Cancel tasks that have not ended: asked for, and confirmed where they are many or run already."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import cancel as cancelling
from ..models import State
from . import acting, choosing, listing, permissions, words

if TYPE_CHECKING:
    from .pages import Pages

CANCEL = {"name": "cancel", "verb": "Cancel"}


def cancel(pages: "Pages", request: HttpRequest) -> HttpResponse:
    """Ask about the ticked tasks, or cancel them. Refused (403) without the permission.

    One that waits is cancelled at once: it can be replayed, and nothing is lost.
    """
    permissions.allow(request, permissions.VIEW_TASKS, permissions.CANCEL)
    choice = choosing.choice(request)
    if choice.faults or not choice.ids:
        why = "; ".join(choice.faults) or "tick the tasks first"
        pages.message_user(request, f"Nothing was cancelled: {why}.", messages.ERROR)
        return redirect(acting.back(pages, request))
    rows = [row for row in listing.rows(list(choice.ids)) if row.state < State.FAILED]
    running = sum(row.state == State.RUNNING for row in rows)
    is_one = len(choice.ids) == 1 and not running
    if request.method == "POST" and ("confirmed" in request.POST or is_one):
        return _cancel(pages, request, choice)
    if not rows:
        pages.message_user(request, "These tasks have ended already.", messages.WARNING)
        return redirect(acting.back(pages, request))
    return pages.page(
        request,
        "confirm.html",
        f"Cancel {words.count(len(rows))}?",
        **{"action": CANCEL, "running": running, "counted": words.count(len(rows))},
        **{"sample": rows[: acting.SAMPLE_ROWS], "total": len(rows)},
        back=acting.back(pages, request),
        hidden=acting.hidden(request, choice, **({"running": "1"} if running else {})),
    )


def _cancel(pages: "Pages", request: HttpRequest, choice: choosing.Choice) -> HttpResponse:
    # One that began to run after it was asked about goes on.
    is_running_too = "running" in request.POST
    by = acting.person(request)
    done = cancelling.cancel(choice.ids, by=by, is_running_too=is_running_too)
    if done:
        counted = words.count(len(done))
        told = f"{counted} cancelled: to be found under Failed tasks, and replayed there."
        pages.message_user(request, told, messages.SUCCESS)
    if late := len(choice.ids) - len(done):
        told = f"{words.count(late)} had ended, or begun to run."
        pages.message_user(request, told, messages.WARNING)
    return redirect(acting.back(pages, request))
