"""Replay and discard: asked for, confirmed where it is many, done a few seconds at a time.

One row is replayed at once. Anything else is asked about on a page of its own, which names the
moment that it was shown: what fails after that was not seen, and is not touched.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import failed as failed_set
from ..selection import Group, count, groups
from . import choosing, listing, permissions, showing, words

if TYPE_CHECKING:
    from .pages import Pages

# Of one request: well within the patience of proxies and of people.
SECONDS_A_REQUEST = 3.0
GROUPS_SHOWN = 15
SAMPLE_ROWS = 10
MOST_REASONS = 10


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done to failed tasks."""

    name: str
    verb: str
    going_on: str
    done: str
    permission: str
    run: Callable[..., failed_set.Outcome]
    # One row is not asked about: it can fail again, and nothing is lost.
    is_asked_about_one: bool


REPLAY = Action(
    **{"name": "replay", "verb": "Replay", "going_on": "Replaying", "done": "replayed"},
    permission=permissions.REPLAY,
    run=failed_set.replay,
    is_asked_about_one=False,
)
DISCARD = Action(
    **{"name": "discard", "verb": "Discard", "going_on": "Discarding", "done": "discarded"},
    permission=permissions.DISCARD,
    run=failed_set.discard,
    is_asked_about_one=True,
)
ACTIONS = (REPLAY, DISCARD)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is, carried from one request to the next: for people, nothing relies on it."""

    total: int = 0
    done: int = 0
    left: dict[str, int]
    after: str | None = None

    @property
    def walked(self) -> int:
        """Return how many rows have been decided."""
        return self.done + sum(self.left.values())


def act(pages: "Pages", request: HttpRequest, action: Action) -> HttpResponse:
    """Ask about what the request chooses, or do it. Refused (403) without the permission."""
    permissions.allow(request, permissions.VIEW_FAILED, action.permission)
    choice = choosing.choice(request)
    if refusal := _refusal(request, choice):
        pages.message_user(request, refusal, messages.ERROR)
        return redirect(back(pages, request))
    is_one = len(choice.ids) == 1 and not choice.values
    is_confirmed = "confirmed" in request.POST or (is_one and not action.is_asked_about_one)
    if request.method == "POST" and is_confirmed:
        return _go_on(pages, request, action, choice)
    return _ask(pages, request, action, choice)


def person(request: HttpRequest) -> str:
    """Return who asks, for the history: the name may change, the number does not."""
    user: Any = request.user
    return f"{user} (#{user.pk})"


def hidden(request: HttpRequest, choice: choosing.Choice, **more: str) -> list[tuple[str, str]]:
    """Return the hidden fields of the next form: the choice, and what else must not be lost."""
    data = request.POST if request.method == "POST" else request.GET
    kept = [(name, data[name]) for name in ("all", "back") if name in data]
    return [*choice.pairs(), *kept, *more.items()]


def back(pages: "Pages", request: HttpRequest) -> str:
    """Return the list's address, narrowed as it was where the request says so."""
    data = request.POST if request.method == "POST" else request.GET
    query = data.get("back", "").replace("\n", "")
    return pages.address("changelist") + (f"?{query}" if query else "")


def _refusal(request: HttpRequest, choice: choosing.Choice) -> str:
    if choice.faults:
        return f"Nothing was done: {'; '.join(choice.faults)}."
    data = request.POST if request.method == "POST" else request.GET
    if choice.is_everything and "all" not in data:  # no box was ticked: not to be taken for all
        return "Nothing was chosen: tick the tasks first."
    return ""


def _ask(
    pages: "Pages", request: HttpRequest, action: Action, choice: choosing.Choice
) -> HttpResponse:
    until = failed_set.now()
    choice = choice.fixed(until)
    selection = choice.selection()
    with listing.by_index():
        total = count(selection)
        found = groups(selection, GROUPS_SHOWN + 1)
        sample, _ = listing.failed(selection, 1)
        foreseen = failed_set.foreseen(selection) if action is REPLAY else {}
    if not total:
        pages.message_user(
            request, "None of these tasks is in the failed set now.", messages.WARNING
        )
        return redirect(back(pages, request))
    title = f"{action.verb} {words.count(total, 'failed task')}?"
    return pages.page(
        request,
        "confirm.html",
        title,
        **{"action": action, "choice": choice, "total": total, "counted": words.count(total)},
        obstacles=[(words.count(number), why) for why, number in foreseen.items()],
        groups=[_group(each) for each in found[:GROUPS_SHOWN]],
        has_more_groups=len(found) > GROUPS_SHOWN,
        sample=sample[:SAMPLE_ROWS],
        back=back(pages, request),
        until=until,
        hidden=hidden(request, choice, total=str(total)),
    )


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
    before = _progress(request)
    outcome = _run(action, choice, person(request), before.after)
    progress = replace(
        before,
        done=before.done + outcome.done,
        left=dict(Counter(before.left) + Counter(outcome.left)),
        after=outcome.next,
    )
    if outcome.next is None:
        _tell(pages, request, action, progress)
        return redirect(back(pages, request))
    title = f"{action.going_on} {words.count(progress.total, 'failed task')}"
    carried = {
        "total": str(progress.total),
        "done": str(progress.done),
        "left": json.dumps(progress.left),
        "after": outcome.next,
    }
    return pages.page(
        request,
        "progress.html",
        title,
        **{"action": action, "progress": progress, "back": back(pages, request)},
        **{"done": f"{progress.done:,}", "total": words.count(progress.total)},
        left=sum(progress.left.values()),
        hidden=hidden(request, choice, **carried),
    )


def _run(action: Action, choice: choosing.Choice, by: str, after: str | None) -> failed_set.Outcome:
    try:
        return action.run(choice.selection(), by=by, seconds=SECONDS_A_REQUEST, after=after)
    except (ValueError, DataError) as error:
        if after is None:
            raise
        raise BadRequest("Where to go on from is not what was sent.") from error


def _progress(request: HttpRequest) -> Progress:
    """Return what the request before this one wrote into the form."""
    most = 10**9
    total, done = (choosing.number(request.POST, name, most) for name in ("total", "done"))
    after = request.POST.get("after") or None
    return Progress(total=total, done=done, left=_left(request.POST.get("left", "")), after=after)


def _left(text: str) -> dict[str, int]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    pairs = list(found.items())[:MOST_REASONS] if isinstance(found, dict) else []
    return {why: number for why, number in pairs if type(number) is int and 0 < number < 10**9}


def _tell(pages: "Pages", request: HttpRequest, action: Action, progress: Progress) -> None:
    told = f"{words.count(progress.done)} {'was' if progress.done == 1 else 'were'} {action.done}."
    if action is REPLAY:
        told += " What succeeds is gone for good; what fails again comes back to this list."
    if progress.done:
        pages.message_user(request, told, messages.SUCCESS)
    for why, number in progress.left.items():
        pages.message_user(
            request,
            f"{words.count(number)} stayed failed: {showing.line(why)}",
            messages.WARNING,
        )
    if not progress.walked:
        pages.message_user(
            request,
            "Nothing was left to do: somebody else has replayed or discarded them, or does so now.",
            messages.WARNING,
        )
