"""All that the database has of one task, its large columns cut or left out by PostgreSQL."""

from typing import Any
from uuid import UUID

from django.db.models import Case, Func, IntegerField, Q, Value, When
from django.db.models.fields import BinaryField, TextField
from django.db.models.functions import Left, Length, Right

from .. import configuration
from ..models import Event, TaskRow
from . import showing

# The newest of a history: one that fails each hour for a week is still read whole.
EVENTS_SHOWN = 200
LARGE = ("traceback", "error", "arguments", "shown", "options", "message")


def row(pk: UUID, may_see: bool) -> Any:
    """Return a task's row; without its exact arguments, unless they may be seen. None for none."""
    most = showing.PAGE_CHARACTERS
    hidden = Value("", output_field=TextField())
    nothing = Value(None, output_field=BinaryField())
    rows = (
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
    return rows.filter(pk=pk).first()


def events(pk: UUID) -> list[Event]:
    """Return the newest events of a task, the newest last."""
    found = Event.objects.using(configuration.database()).filter(task_id=pk)
    return list(found.order_by("-at", "-id")[:EVENTS_SHOWN])[::-1]


def _bytes(column: str) -> Func:
    return Func(column, function="octet_length", output_field=IntegerField())


def _beginning(column: str) -> Func:
    return Func(
        *(column, Value(1), Value(showing.MESSAGE_BYTES)),
        function="substring",
        output_field=BinaryField(),
    )
