"""System checks of the Celery app: what goes past the rows, or loses messages."""

from collections.abc import Iterator

from celery import Celery
from celery.utils.imports import symbol_by_name
from django.core import mail
from django.core.checks import CheckMessage, Error, Warning

from ..app import DurableCelery
from ..consumer import DurableConsumer
from ..task import DurableTask
from ..worker import REFUSED_POOLS


def wrong_app(app: Celery) -> Iterator[CheckMessage]:
    """A Celery app that goes past the rows."""
    if not (isinstance(app, DurableCelery) and issubclass(app.Task, DurableTask)):
        yield Error(
            f"The Celery app {app.main!r} is no DurableCelery whose base task is a DurableTask:"
            " its tasks are not durable.",
            hint='app = DurableCelery("...", task_cls="<your base class, of DurableTask>"),'
            " imported by the project's __init__.py.",
            id="durable_tasks.E008",
        )
    yield from wrong_worker(app)
    yield from wrong_broker(app)
    if app.conf.task_always_eager and not _in_tests():
        yield Error(
            "task_always_eager is on: tasks run inside their callers, and none is durable.",
            hint="Turn it off; in tests use testing.run_enqueued().",
            id="durable_tasks.E019",
        )
    yield from weak_app(app)


def wrong_worker(app: Celery) -> Iterator[CheckMessage]:
    """A consumer that loses messages, or processes that cannot end with their task."""
    if not issubclass(symbol_by_name(app.conf.worker_consumer), DurableConsumer):
        yield Error(
            f"worker_consumer is {app.conf.worker_consumer}: a message that cannot be read is"
            " lost, or ends the worker.",
            hint="Remove the setting (DurableCelery has the right one), or derive your class from"
            " DurableConsumer.",
            id="durable_tasks.E009",
        )
    if any(refused in str(app.conf.worker_pool).lower() for refused in REFUSED_POOLS):
        yield Error(
            f"worker_pool is {app.conf.worker_pool}: it has no process that could end with its"
            " task.",
            hint="Use the prefork or the solo pool.",
            id="durable_tasks.E010",
        )


def wrong_broker(app: Celery) -> Iterator[CheckMessage]:
    """Messages that would be refused, or could not be counted."""
    if not {"json", "application/json"} & set(app.conf.accept_content or ()):
        yield Error(
            f"accept_content is {app.conf.accept_content}: workers refuse the relay's messages.",
            hint='Add "json".',
            id="durable_tasks.E011",
        )
    if (app.conf.broker_transport_options or {}).get("global_keyprefix"):
        yield Error(
            "broker_transport_options has global_keyprefix: kombu looks for queues without it when"
            " their messages are counted, so every message would count as lost.",
            hint="Remove it, and give each app a broker of its own.",
            id="durable_tasks.E018",
        )


def weak_app(app: Celery) -> Iterator[CheckMessage]:
    """What works, and not as one thinks."""
    if str(app.conf.result_backend or "").startswith("rpc"):
        yield Warning(
            "The rpc:// result backend answers the process that sent the message: the relay.",
            hint="Write the result into the database, or use another backend.",
            id="durable_tasks.W003",
        )
    if not app.conf.get("CELERY_DB_REUSE_MAX"):
        yield Warning(
            "CELERY_DB_REUSE_MAX is not set: Celery connects to the database anew for each task.",
            hint="Set CELERY_DB_REUSE_MAX = 10_000 where the Celery app reads its settings.",
            id="durable_tasks.W004",
        )


def _in_tests() -> bool:
    """Tell whether Django's test environment is set up: that is what puts the outbox there."""
    return hasattr(mail, "outbox")
