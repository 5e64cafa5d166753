"""All that is known of one task, on one page; of one that has succeeded, its history."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from ..models import Event, Kind, State
from ..obstacles import obstacle
from . import cut_row, history, listing, permissions, showing, words
from .actions import ACTIONS, REPLAY

if TYPE_CHECKING:
    from .pages import Pages


def row_page(pages: "Pages", request: HttpRequest, object_id: str) -> HttpResponse:
    """Return the page of a task that has a row, or a history; 404 for others.

    Exact arguments, and the bytes of a message, are shown to who may see them, and to nobody else:
    what the task itself says it is about is made of them. A failed task is shown among the failed
    ones, any other among the tasks.
    """
    try:
        pk = UUID(object_id)
    except ValueError as error:
        raise Http404(f"{object_id[:60]} is no task's id.") from error
    may_see = permissions.may(request, permissions.SEE_ARGUMENTS)
    row: Any = cut_row.row(pk, may_see)
    model = "taskrow" if row is not None and row.state != State.FAILED else "failedtask"
    if pages.opts.model_name != model and (
        row or permissions.may(request, permissions.VIEW_FAILED)
    ):
        return redirect(pages.address("change", pk, of=model))
    events = cut_row.events(pk) if row or model == pages.opts.model_name else []
    context: dict[str, Any] = {"id": pk, "row": row, "may_see": may_see, "gone": _gone(events)}
    context["events"] = [history.shown(each) for each in events]
    if row is not None:
        context |= _of_row(row)
        context |= {"buttons": _buttons(pages, request, row), "obstacle": _obstacle(row)}
    name = row.name if row else events[0].name if events else f"Task {pk}"
    title = showing.line(name) or "Task without a name"
    response = pages.page(request, "row.html", title, **context)
    response.status_code = 200 if row or events else 404
    return response


def _of_row(row: Any) -> dict[str, Any]:
    state = State(row.state)
    return {
        # Read anew: it may have ended since.
        "subject": showing.line("".join(each.subject for each in listing.rows([row.pk]))),
        "state": state,
        "verdict": f"It {words.STATES[state]}.",
        "explanation": words.EXPLANATIONS.get(row.reason, words.reason(row.reason)),
        "error": showing.visible(row.cut_error),
        "traceback": showing.traceback(row.cut_traceback),
        "traceback_left": _left(row.traceback_characters),
        "call": showing.call(row.cut_shown, showing.PAGE_CHARACTERS),
        "arguments": showing.arguments(row.cut_arguments),
        "options": showing.visible(row.cut_options),
        "message": showing.message(bytes(row.cut_message or b"")),
        "attempts_in_words": words.attempts(row),
        "queue": showing.line(row.queue),
        "argument_bytes": f"{row.argument_bytes:,}",
        "message_bytes": f"{row.message_bytes:,}" if row.message_bytes else "",
        "moments": _moments(row, state),
        "more": _more(row),
    }


def _left(characters: int) -> str:
    left = characters - showing.PAGE_CHARACTERS
    return f"{left:,}" if left > 0 else ""


def _moments(row: Any, state: State) -> list[tuple[str, Any]]:
    is_waiting = state < State.RUNNING
    return [
        ("Discarded", row.discarded_at if state == State.DISCARDED else None),
        ("Last failed", row.failed_at),
        ("First failed", row.first_failed_at if row.failures > 1 else None),
        ("Last started", row.started_at),
        ("Enqueued", row.enqueued_at),
        ("Waits until", row.due_at if state == State.SCHEDULED else None),
        ("Expires", row.expires_at if is_waiting else None),
    ]


def _more(row: Any) -> list[tuple[str, str]]:
    failures = f"{row.failures:,} times" if row.failures > 1 else ""
    crashes = f"{row.crashes} of at most {row.max_crashes}" if row.crashes else ""
    named = [
        ("Has failed", failures),
        ("Crashes", crashes),
        ("Enqueued by", row.origin),
        ("Runs on", row.worker if row.state == State.RUNNING else ""),
        ("Unique key", row.unique_key or ""),
        ("Kind", "ordinary Celery task, recorded when it failed" if row.plain else ""),
    ]
    return [(label, showing.line(value)) for label, value in named if value]


def _gone(events: list[Event]) -> str:
    if not events:
        return "There is no such task: it has succeeded without an incident, or it never was."
    if events[-1].kind == Kind.SUCCEEDED:
        return "It has succeeded, and has left the failed tasks."
    return "It has no row any more: this is its history."


def _buttons(pages: "Pages", request: HttpRequest, row: Any) -> list[dict[str, str]]:
    """Return what the visitor may do to a row as it is."""
    if row.state < State.FAILED:
        is_allowed = permissions.may(request, permissions.VIEW_TASKS, permissions.CANCEL)
        verbs = [("cancel", "Cancel", "taskrow")] if is_allowed else []
    elif row.state == State.FAILED:
        allowed = [each for each in ACTIONS if permissions.may(request, each.permission)]
        possible = [each for each in allowed if each is not REPLAY or not _obstacle(row)]
        verbs = [(each.name, each.verb, "failedtask") for each in possible]
    else:
        verbs = []
    return [
        {"name": name, "verb": verb, "address": pages.address(name, of=model)}
        for name, verb, model in verbs
    ]


def _obstacle(row: Any) -> str:
    if row.state != State.FAILED:
        return ""
    return obstacle(row.name, row.queue, plain=row.plain, has_arguments=row.has_arguments)
