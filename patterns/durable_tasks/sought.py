"""A text that somebody looks for: in the rows, and as the tasks understand it
(`DurableTask.described_as`).
"""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from . import arguments, configuration
from .error_text import clean
from .hooks import Hooks
from .obstacles import all_tasks

logger = logging.getLogger(__name__)

TEXT_CHARACTERS = 500  # of a filter; whoever looks for something types less


def containing(text: str) -> tuple[str, list[Any]]:
    """Return the condition on `durable_tasks_task` that a row has the text, and its parameters."""
    plain, in_json = _like(text), _like(json.dumps(text, ensure_ascii=False)[1:-1])
    condition = "name ILIKE %s OR error ILIKE %s OR shown ILIKE %s"
    values: list[Any] = [plain, plain, in_json]
    for name, encoded in calls(clean(text, TEXT_CHARACTERS)):
        condition += " OR (name = %s AND arguments = ANY(%s))"
        values += [name, encoded]
    return condition, values


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each task that knows the text, and the arguments that it means, as rows have them.

    One call a task. One that raises finds nothing, but for the log: the list is needed all the
    same.
    """
    for task in all_tasks():
        name = str(task.name)
        if not isinstance(task, Hooks) or type(task).described_as is Hooks.described_as:
            continue
        try:
            with transaction.atomic(using=configuration.database()):  # its errors break no other
                found = task.described_as(text)
            encoded = [arguments.encode(name, *call, limit=sys.maxsize) for call in found]
        except Exception:
            logger.exception("described_as() of task %s failed: it finds nothing.", name)
            continue
        if encoded:
            yield name, encoded


def _like(text: str) -> str:
    """Return a pattern that means the text itself."""
    escaped = clean(text, TEXT_CHARACTERS).replace("\\", "\\\\")
    return "%{}%".format(escaped.replace("%", "\\%").replace("_", "\\_"))
