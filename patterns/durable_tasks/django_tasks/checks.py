"""System checks of an entry of TASKS; Django runs them through the backend."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.apps import apps
from django.core.checks import CheckMessage, Error, register

from .framework import TASKS_APP

if TYPE_CHECKING:
    from .backend import DurableBackend

KEYS = ("BACKEND", "QUEUES", "OPTIONS")
OPTIONS = ("ATOMIC", "MAX_RETRIES", "RESULT_DAYS")
# Of both numbers: retries and days beyond it are a typo.
LARGEST = 36_500


def check(backend: "DurableBackend") -> Iterator[CheckMessage]:
    """Return what is wrong with an entry of TASKS."""
    for fault, hint in _faults(backend):
        yield Error(f"TASKS[{backend.alias!r}]: {fault}.", hint=hint, id="durable_tasks.E030")
    if undeclared := sorted(backend.queues - _declared(backend)):
        yield Error(
            f"TASKS[{backend.alias!r}]['QUEUES'] has {', '.join(undeclared)}, which Celery does"
            " not: enqueue() would refuse each task for it.",
            hint="Declare the queue where the project lists its queues, with a worker; or remove"
            " it here.",
            id="durable_tasks.E031",
        )


@register("durable_tasks")
def check_framework(**_: Any) -> list[CheckMessage]:
    """Return what Django, or its backport, would not find: without this app it checks nothing."""
    if TASKS_APP and not apps.is_installed(TASKS_APP):
        return [
            Error(
                f"{TASKS_APP!r} is not in INSTALLED_APPS: nothing checks TASKS, or logs its tasks.",
                hint=f"Add {TASKS_APP!r} to INSTALLED_APPS.",
                id="durable_tasks.E032",
            )
        ]
    if not TASKS_APP and apps.is_installed("django_tasks"):
        return [
            Error(
                "'django_tasks' is in INSTALLED_APPS, and this Django has tasks of its own: what"
                " django_tasks decorates, no worker here would find.",
                hint='Import from django.tasks, and remove "django_tasks".',
                id="durable_tasks.E033",
            )
        ]
    return []


def _faults(backend: "DurableBackend") -> Iterator[tuple[str, str]]:
    if "ENQUEUE_ON_COMMIT" in backend.params:
        yield (
            "ENQUEUE_ON_COMMIT has no effect, a task is a row of the transaction that enqueues it",
            "Remove it.",
        )
    for name in sorted(backend.params.keys() - {*KEYS, "ENQUEUE_ON_COMMIT"}):
        yield f"{name} has no effect", f"It may have {', '.join(KEYS)}."
    for name in sorted(map(str, backend.options.keys() - set(OPTIONS))):
        yield f"OPTIONS has {name}, which has no effect", f"It may have {', '.join(OPTIONS)}."
    for name, value in backend.options.items():
        if name == "ATOMIC" and not isinstance(value, bool):
            yield f"ATOMIC is {value!r}", "Set True or False."
        if name in ("MAX_RETRIES", "RESULT_DAYS") and not _is_number(name, value):
            yield f"{name} is {value!r}", "Set a whole number, 0 or more."


def _is_number(name: str, value: Any) -> bool:
    if value is None:
        return name == "MAX_RETRIES"
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _declared(backend: "DurableBackend") -> set[str]:
    """Return the queues that Celery publishes to: those asked for, where it makes up any."""
    if current_app.conf.task_create_missing_queues:
        return set(backend.queues)
    return set(current_app.amqp.queues)
