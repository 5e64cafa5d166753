"""Cancel tasks that have not ended: ticked ones, or all that wait in a state and match a filter.

One that waits is cancelled at once: it can be replayed, and nothing is lost. Many are asked about,
and running ones are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import cancel as cancelling
from .. import failed as failed_set
from ..errors import TasksHeld
from ..models import State
from ..reading import by_index
from ..selection import Selection, count
from . import acting, backlog, choosing, forms, listing, permissions, progress, words
from .row import Row

if TYPE_CHECKING:
    from .pages import Pages

# Counted for the question; a backlog of more is counted no further.
MOST_COUNTED = 1_000_000
WAITING = (State.SCHEDULED, State.READY, State.PUBLISHED)
# Of those that wait; ticked ones are narrowed no further.
KNOWN = ("state", "name", "queue", "until")
WORDING = {"name": "cancel", "going_on": "Cancelling", "done": "cancelled"}
CANCEL = {"name": "cancel", "verb": "Cancel"}


def of_state(choice: choosing.Choice, state: State) -> Selection:
    """Return the tasks in one state that a filter leaves."""
    chosen = choice.selection()
    return Selection(states=(state,), name=chosen.name, queue=chosen.queue, until=chosen.until)


def cancel(pages: "Pages", request: HttpRequest) -> HttpResponse:
    """Ask about what the request chooses, or cancel it. Refused (403) without the permission."""
    permissions.allow(request, permissions.VIEW_TASKS, permissions.CANCEL)
    choice = choosing.choice(request)
    state = _waiting(choice.values.get("state"))
    # What would be left out would cancel more than was meant.
    faults = choice.objections(*(() if choice.ids else KNOWN))
    if faults or not (choice.ids or state is not None):
        why = "; ".join(faults) or "tick the tasks first"
        pages.message_user(request, f"Nothing was cancelled: {why}.", messages.ERROR)
        return redirect(forms.back(pages, request))
    try:
        if state is None or choice.ids:
            return _ticked(pages, request, choice)
        return _all(pages, request, choice, state)
    except TasksHeld as held:
        pages.message_user(request, str(held), messages.ERROR)
        return redirect(forms.back(pages, request))


def _all(
    pages: "Pages", request: HttpRequest, choice: choosing.Choice, state: State
) -> HttpResponse:
    choice = choice.fixed(failed_set.now())
    if request.method == "POST" and "confirmed" in request.POST:
        return _go_on(pages, request, choice, of_state(choice, state))
    meant = of_state(choice, state)
    with by_index():
        total = count(meant, MOST_COUNTED)
        rows, _ = backlog.listed(meant, state, 1)
    return _ask(pages, request, choice, rows, total)


def _waiting(text: str | None) -> State | None:
    """Return the state that is asked for; None for one that does not wait, or is none."""
    return next((each for each in WAITING if text == str(each.value)), None)


def _ticked(pages: "Pages", request: HttpRequest, choice: choosing.Choice) -> HttpResponse:
    rows = [row for row in listing.rows(list(choice.ids)) if row.state < State.FAILED]
    running = [str(row.id) for row in rows if row.state == State.RUNNING]
    is_one = len(choice.ids) == 1 and not running
    if request.method == "POST" and ("confirmed" in request.POST or is_one):
        # One that began to run after it was asked about goes on.
        ran = request.POST.get("running", "").split(",")
        ran_then = [each for each in choice.ids if str(each) in ran]
        waited = [each for each in choice.ids if str(each) not in ran]
        by = forms.person(request)
        done = len(cancelling.cancel(waited, by=by, is_running_too=False))
        done += len(cancelling.cancel(ran_then, by=by))
        return _tell(pages, request, done, len(choice.ids) - done)
    return _ask(pages, request, choice, rows, len(rows), running)


def _ask(
    pages: "Pages",
    request: HttpRequest,
    choice: choosing.Choice,
    rows: list[Row],
    total: int,
    running: Sequence[str] = (),
) -> HttpResponse:
    if not total:
        pages.message_user(request, "These tasks have ended, or begun to run.", messages.WARNING)
        return redirect(forms.back(pages, request))
    carried = {"total": str(total), **({"running": ",".join(running)} if running else {})}
    shown: dict[str, Any] = {
        **{"action": CANCEL, "running": len(running), "counted": words.count(total)},
        **{"sample": rows[: acting.SAMPLE_ROWS], "total": total, "possible": total},
        **{"back": forms.back(pages, request), "hidden": forms.hidden(request, choice, **carried)},
    }
    return pages.page(request, "confirm.html", f"Cancel {words.count(total)}?", **shown)


def _go_on(
    pages: "Pages", request: HttpRequest, choice: choosing.Choice, meant: Selection
) -> HttpResponse:
    before, by = progress.read(request), forms.person(request)
    try:
        done = cancelling.cancel_all(meant, by=by, progress=progress.Clock())
    except progress.TimeIsUp as stopped:
        now = before.plus(stopped.done, {}, None)
        return progress.page(pages, request, choice, now, **WORDING)
    return _tell(pages, request, before.done + done, 0)


def _tell(pages: "Pages", request: HttpRequest, done: int, late: int) -> HttpResponse:
    if done:
        told = f"{words.count(done)} cancelled: to be replayed or discarded under Failed tasks."
        pages.message_user(request, told, messages.SUCCESS)
    if late or not done:
        told = f"{words.count(late) if late else 'They'} had ended, or begun to run."
        pages.message_user(request, told, messages.WARNING)
    return redirect(forms.back(pages, request))
