"""System checks of DURABLE_TASKS_OTHER_APPS: what the relay or a replay would else fall over."""

from collections.abc import Iterator
from typing import Any

from celery import Celery
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from ..app import DurableCelery
from ..task import DurableTask

NAME = "DURABLE_TASKS_OTHER_APPS"
HINT = 'It is {"<queue>": "<dotted path of the Celery app whose workers take from it>"}.'


def wrong_other_apps(current: Celery) -> Iterator[CheckMessage]:
    """Other apps that are none, or could not take what is replayed."""
    apps: Any = getattr(settings, NAME, {})
    if not isinstance(apps, dict):
        yield Error(f"{NAME} is {apps!r}, no dict.", hint=HINT, id="durable_tasks.E013")
        return
    for queue, path in apps.items():
        found, fault = _imported(path)
        if fault:
            yield Error(f"{NAME}: {queue!r}: {fault}.", hint=HINT, id="durable_tasks.E013")
        else:
            yield from _wrong_app(str(queue), path, found, current)


def _imported(path: Any) -> tuple[Any, str]:
    """Return the app, and what is wrong."""
    if not isinstance(path, str):
        return None, f"{path!r} is no dotted path"
    try:
        found = import_string(path)
    except Exception as error:  # whatever its module raises, the check says which it is
        return None, f"{path!r} cannot be imported: {error}"
    return found, "" if isinstance(found, Celery) else f"{path} is no Celery app"


def _wrong_app(queue: str, path: str, found: Any, current: Celery) -> Iterator[CheckMessage]:
    if found is current:
        yield Error(
            f"{NAME}: {queue!r}: {path} is the current app, whose queues need no entry.",
            hint="Remove it.",
            id="durable_tasks.E014",
        )
    elif not found.conf.task_create_missing_queues and queue not in found.amqp.queues:
        yield Error(
            f"{NAME}: {path} declares no queue {queue!r}: nothing can be published to it.",
            hint=f"It declares {', '.join(found.amqp.queues)}.",
            id="durable_tasks.E015",
        )
    elif not (isinstance(found, DurableCelery) and issubclass(found.Task, DurableTask)):
        yield Warning(
            f"{NAME}: {path} is no DurableCelery whose base task is a DurableTask: its failed tasks"
            " are seen, and cannot be replayed.",
            hint="Make it one, with durable = False on its base task if its tasks may be lost.",
            id="durable_tasks.W007",
        )
