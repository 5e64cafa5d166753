"""What a task is about, as its class says (`DurableTask.describe`): a mail's recipient, say."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from .. import arguments, configuration
from ..hooks import Hooks
from ..obstacles import task_of
from .row import Row

logger = logging.getLogger(__name__)


def added(rows: list[Row]) -> list[Row]:
    """Return the rows with their subjects: one call of `describe` a task, not one a row."""
    of_task: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        if row.arguments and row.name:
            of_task[row.name, row.queue].append(position)
    found = list(rows)
    for (name, queue), positions in of_task.items():
        for position, subject in _described(name, queue, rows, positions):
            found[position] = replace(rows[position], subject=subject)
    return found


def _described(
    name: str, queue: str, rows: Sequence[Row], positions: list[int]
) -> list[tuple[int, str]]:
    """Return what the task says about some of the rows; nothing where it fails, but for the log."""
    try:
        task = task_of(name, queue)
        if not isinstance(task, Hooks) or type(task).describe is Hooks.describe:
            return []
        calls = [(place, call) for place in positions if (call := _call(rows[place])) is not None]
        with transaction.atomic(using=configuration.database()):  # its errors break no other query
            said = task.describe([call for _, call in calls])
        return [(place, str(text)) for (place, _), text in zip(calls, said, strict=True)]
    except Exception:  # whatever a project's code raises, the list is needed now more than ever
        logger.exception("describe() of task %s failed: its rows are shown without it.", name)
        return []


def _call(row: Row) -> Any:
    try:
        return arguments.decode(row.arguments or "")
    except Exception:  # not written by us: anything may be in it
        return None
