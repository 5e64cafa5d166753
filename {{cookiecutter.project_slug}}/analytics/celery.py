"""The analysts' own Celery app: its own broker, queue, worker and tasks, none of the shop's."""

import os
from typing import Any

from celery.app.registry import TaskRegistry

from config import queues
from config.celery_app import ProjectCelery, may_evict, owner
from patterns.failure_check.workers import WorkerHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

# `celery` takes BROKER_URL, which is the shop's, for its option --broker, and hands it on in this
# variable, above every app's own broker: the worker would wait at the wrong one.
os.environ.pop("CELERY_BROKER_URL", None)


class OwnTasks(TaskRegistry):
    """Holds the tasks written in this package, and Celery's own.

    Celery offers a task made with `shared_task` or `app.task` to every app of the process. A shop's
    task accepted here would run from the analysts' broker, past the shop's base task and queues.
    """

    def __setitem__(self, name: str, task: Any) -> None:
        """Register a task, or leave a stranger out."""
        if task.__module__.partition(".")[0] in {__package__, "celery"}:
            super().__setitem__(name, task)


# Its failed tasks are in the shop's failed list (DURABLE_TASKS_OTHER_APPS).
app = ProjectCelery(
    "analytics",
    owner=owner("analytics"),
    broker_setting="ANALYTICS_BROKER_URL",
    may_evict=may_evict,
    broker=settings.ANALYTICS_BROKER_URL,
    tasks=OwnTasks(),
    # A plain task: an event may be lost, so nothing is retried for a day.
    task_cls="analytics.base_task:EventTask",
    # `current_app` stays the shop's, whichever of the two is imported last.
    set_as_current=False,
)
app.conf.update(
    queues.ANALYTICS.celery_settings(default="analytics"),
    # Needed beside `broker`: the `celery` command takes BROKER_URL of the environment, the shop's,
    # for every app of its process, and only these two names stand above that.
    broker_read_url=settings.ANALYTICS_BROKER_URL,
    broker_write_url=settings.ANALYTICS_BROKER_URL,
    # Every task names its queue here too; the kit's route asks the current app, which is the shop.
    task_routes=None,
    # Not imported by this file: the worker imports it once Django is set up, which models need.
    imports=["analytics.counting"],
    task_ignore_result=True,
    # For Flower.
    worker_send_task_events=True,
    task_serializer="json",
    accept_content=["json"],
    # Counting takes milliseconds; these end a task that waits for a lock or a frozen database.
    task_soft_time_limit=20,
    task_time_limit=30,
    # The worker's: longer than the second that kombu lets Redis wait for a message, short enough
    # that it notices a frozen broker. The shop's side has shorter ones, in forwarding.py.
    broker_transport_options={"socket_connect_timeout": 5, "socket_timeout": 5},
    broker_connection_retry_on_startup=True,
    # Try to connect for ever: a worker that gave up would have to be started by hand.
    broker_connection_max_retries=None,
    timezone="UTC",
)
app.steps["consumer"].add(WorkerHeartbeat)
