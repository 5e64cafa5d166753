"""A text that somebody looks for, as the tasks understand it (`DurableTask.described_as`)."""

import logging
import sys
from collections.abc import Iterator

from django.db import transaction

from . import arguments, configuration
from .hooks import Hooks
from .obstacles import all_tasks

logger = logging.getLogger(__name__)


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
