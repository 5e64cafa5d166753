"""The shop's Celery app, and what its workers do before they begin."""

import logging.config
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from celery import signals
from django.conf import settings

from config.celery_app import ProjectCelery, may_evict, owner
from config.queues import SHOP
from config.readiness import wait_until_ready
from patterns.failure_check.workers import WorkerHeartbeat
from patterns.flower_auth.closed import refuse_open_flower
from patterns.queues import QueueNotDeclared

# Before the app is made: it looks whether it is in a Django project.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Both names are read when first needed, so that Django's settings are not read in a circle.
app = ProjectCelery(
    "shop",
    task_cls="config.base_task:ShopTask",
    owner=owner("shop"),
    broker_setting="BROKER_URL",
    may_evict=may_evict,
)
app.config_from_object("config.celery_settings")
app.autodiscover_tasks()
app.steps["consumer"].add(WorkerHeartbeat)  # it says that a worker lives
refuse_open_flower(Path(__file__).with_name("flower.py"))


@signals.setup_logging.connect
def log_as_django_does(**_: Any) -> None:
    """Keep LOGGING of Django's settings: Celery would put its own in its place."""
    logging.config.dictConfig(settings.LOGGING)


@signals.celeryd_init.connect
def set_up_worker(instance: Any, conf: Any, options: dict[str, Any], **_: Any) -> None:
    """End a worker that is told to take from a queue that nobody declared; give others time."""
    if instance.app is not app:
        return
    # Not imported above: that module reads Django's settings, whose package imports this one.
    seconds = import_module("config.celery_settings").WORKER_SOCKET_TIMEOUT_SECONDS
    conf.broker_transport_options = {**conf.broker_transport_options, "socket_timeout": seconds}
    for name in options.get("queues") or ():
        try:
            SHOP.require(name, asked_by="celery worker -Q")
        except QueueNotDeclared as error:
            raise SystemExit(str(error)) from error


@signals.worker_init.connect
def wait_for_servers(sender: Any, **_: Any) -> None:
    """Wait for the database, its migrations and the worker's own broker."""
    wait_until_ready(broker_url=sender.app.conf.broker_read_url)
