"""Replay and discard: asked for, confirmed where it is many, done a few seconds at a time.

One row is replayed at once. Anything else is asked about on a page of its own, which names the
moment that it was shown: what fails after that was not seen, and is not touched.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import failed as failed_set
from ..errors import TasksHeld
from ..reading import by_index
from ..selection import Group, Selection, count, groups
from . import choosing, forms, listing, permissions, progress, showing, words
from .actions import REPLAY, Action

if TYPE_CHECKING:
    from .pages import Pages

GROUPS_SHOWN = 15
SAMPLE_ROWS = 10


def act(pages: "Pages", request: HttpRequest, action: Action) -> HttpResponse:
    """Ask about what the request chooses, or do it. Refused (403) without the permission."""
    permissions.allow(request, permissions.VIEW_FAILED, action.permission)
    choice = choosing.choice(request)
    if refusal := _refusal(request, choice):
        pages.message_user(request, refusal, messages.ERROR)
        return redirect(forms.back(pages, request))
    is_one = len(choice.ids) == 1 and not choice.values
    is_confirmed = "confirmed" in request.POST or (is_one and not action.is_asked_about_one)
    if request.method == "POST" and is_confirmed:
        return _go_on(pages, request, action, choice)
    return _ask(pages, request, action, choice)


def _refusal(request: HttpRequest, choice: choosing.Choice) -> str:
    if objections := choice.objections(*choosing.NARROWING, "until"):
        return f"Nothing was done: {'; '.join(objections)}."
    if choice.is_everything and "all" not in forms.sent(request):  # no box was ticked
        return "Nothing was chosen: tick the tasks first."
    return ""


def _ask(
    pages: "Pages", request: HttpRequest, action: Action, choice: choosing.Choice
) -> HttpResponse:
    until = failed_set.now()
    choice = choice.fixed(until)
    shown = _asked_about(action, choice.selection())
    if not (total := shown["total"]):
        pages.message_user(
            request, "None of these tasks is in the failed set now.", messages.WARNING
        )
        return redirect(forms.back(pages, request))
    title = f"{action.verb} {words.count(total, 'failed task')}?"
    shown |= {"action": action, "choice": choice, "until": until}
    shown |= {"back": forms.back(pages, request)}
    shown |= {"hidden": forms.hidden(request, choice, total=str(total))}
    return pages.page(request, "confirm.html", title, **shown)


def _asked_about(action: Action, selection: Selection) -> dict[str, Any]:
    """Return how many they are, what stays of them, and which."""
    with by_index():
        total = count(selection)
        found = groups(selection, GROUPS_SHOWN + 1)
        sample, _ = listing.failed(selection, 1)
        foreseen = failed_set.foreseen(selection) if action is REPLAY else {}
    possible = total - sum(foreseen.values())
    return {
        "total": total,
        "possible": possible,
        "counted": words.count(possible),
        "obstacles": [(words.count(number), why) for why, number in foreseen.items()],
        "groups": [_group(each) for each in found[:GROUPS_SHOWN]],
        "has_more_groups": len(found) > GROUPS_SHOWN,
        "sample": sample[:SAMPLE_ROWS],
    }


def _group(group: Group) -> dict[str, str]:
    return {
        "title": showing.line(group.name) or "(no name)",
        "exception": words.reason(showing.line(group.exception)),
        "number": f"{group.count:,}",
    }


def _go_on(
    pages: "Pages", request: HttpRequest, action: Action, choice: choosing.Choice
) -> HttpResponse:
    choice = choice.fixed(failed_set.now())
    before = progress.read(request)
    try:
        outcome = _run(action, choice, forms.person(request), before.after)
    except TasksHeld as held:
        pages.message_user(request, str(held), messages.ERROR)
        return redirect(forms.back(pages, request))
    now = before.plus(outcome.done, outcome.left, outcome.next)
    if now.after is None:
        _tell(pages, request, action, now)
        return redirect(forms.back(pages, request))
    wording = {"name": action.name, "going_on": action.going_on, "done": action.done}
    return progress.page(pages, request, choice, now, **wording)


def _run(action: Action, choice: choosing.Choice, by: str, after: str | None) -> failed_set.Outcome:
    # Where nothing was sent to go on from, they would be no fault of the request's.
    of_request = () if after is None else (ValueError, DataError)
    try:
        return action.run(
            choice.selection(), by=by, seconds=progress.SECONDS_A_REQUEST, after=after
        )
    except of_request as error:
        raise BadRequest("Where to go on from is not what was sent.") from error


def _tell(pages: "Pages", request: HttpRequest, action: Action, ended: progress.Progress) -> None:
    told = f"{words.count(ended.done)} {'was' if ended.done == 1 else 'were'} {action.done}."
    if action is REPLAY:
        told += " What succeeds is gone for good; what fails again comes back to this list."
    if ended.done:
        pages.message_user(request, told, messages.SUCCESS)
    for why, number in ended.left.items():
        told = f"{words.count(number)} stayed failed: {showing.line(why)}"
        pages.message_user(request, told, messages.WARNING)
    if not ended.walked:
        told = "Nothing was left to do: somebody else has replayed or discarded them, or does now."
        pages.message_user(request, told, messages.WARNING)
