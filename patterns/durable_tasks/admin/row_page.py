"""All that is known of one task, on one page; of one that has succeeded, its history."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Case, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.fields import BinaryField, TextField
from django.db.models.functions import Left, Length, Right
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from .. import configuration
from ..models import Event, Kind, State, TaskRow
from ..obstacles import obstacle
from . import acting, history, listing, permissions, showing, words

if TYPE_CHECKING:
    from .pages import Pages

# The newest of a history: one that fails each hour for a week is still read whole.
EVENTS_SHOWN = 200
LARGE = ("traceback", "error", "arguments", "shown", "options", "message")


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
    row: Any = _rows(may_see).filter(pk=pk).first()
    model = "taskrow" if row is not None and row.state != State.FAILED else "failedtask"
    if pages.opts.model_name != model and (
        row or permissions.may(request, permissions.VIEW_FAILED)
    ):
        return redirect(pages.address("change", pk, of=model))
    events = list(_events(pk))[::-1] if row or model == pages.opts.model_name else []
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
        allowed = [each for each in acting.ACTIONS if permissions.may(request, each.permission)]
        possible = [each for each in allowed if each is not acting.REPLAY or not _obstacle(row)]
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


def _rows(may_see: bool) -> QuerySet[TaskRow]:
    """Return rows whose large columns are cut, or left out, by PostgreSQL."""
    most = showing.PAGE_CHARACTERS
    hidden = Value("", output_field=TextField())
    nothing = Value(None, output_field=BinaryField())
    return (
        TaskRow.objects.using(configuration.database())
        .defer(*LARGE)
        .annotate(
            cut_traceback=Right("traceback", most),
            traceback_characters=Length("traceback"),
            cut_error=Left("error", most),
            cut_shown=Left("shown", most),
            has_arguments=Case(When(~Q(arguments=""), then=Value(True)), default=Value(False)),
            argument_bytes=_bytes("arguments"),
            message_bytes=_bytes("message"),
            cut_arguments=Left("arguments", most + 1) if may_see else hidden,
            cut_options=Left("options", most) if may_see else hidden,
            cut_message=_beginning("message") if may_see else nothing,
        )
    )


def _bytes(column: str) -> Func:
    return Func(column, function="octet_length", output_field=IntegerField())


def _beginning(column: str) -> Func:
    return Func(
        *(column, Value(1), Value(showing.MESSAGE_BYTES)),
        function="substring",
        output_field=BinaryField(),
    )


def _events(pk: UUID) -> QuerySet[Event]:
    """Return the newest events of a task, the newest first."""
    events = Event.objects.using(configuration.database()).filter(task_id=pk)
    return events.order_by("-at", "-id")[:EVENTS_SHOWN]
