"""A worker's start and end: what it refuses, what it takes back, what it puts back.

Connected in `AppConfig.ready()`; Celery's workers send these signals in their main process.
"""

import logging
from typing import Any

from celery import signals

from . import recovery

logger = logging.getLogger(__name__)

# No process of a task's own: nothing could end it before its lease does, or at its time limit.
REFUSED_POOLS = ("gevent", "eventlet", "thread")


@signals.worker_init.connect
def take_back(sender: Any, **_: Any) -> None:
    """Refuse a pool that cannot end a task; release what a dead worker of this name had claimed."""
    if not any(getattr(task, "durable", False) for task in sender.app.tasks.values()):
        return
    # A name or a class: Celery looks it up after this.
    pool = str(sender.pool_cls).lower()
    for refused in REFUSED_POOLS:
        if refused in pool:
            raise SystemExit(
                f"The {refused} pool cannot run durable tasks: it has no process that could end"
                " with its task. Start the worker with --pool prefork or --pool solo."
            )
    try:
        recovery.release_of_dead(sender.hostname)
    except Exception:
        logger.exception("What %s had claimed before is left to its leases.", sender.hostname)


@signals.worker_shutdown.connect
def put_back(sender: Any, **_: Any) -> None:
    """Put back, after a warm shutdown, what a process that has ended was running."""
    _put_back(sender.hostname)


@signals.worker_shutting_down.connect
def put_back_cold(sender: str, how: str, **_: Any) -> None:
    """The same after a cold one: Celery sends this signal alone, once it has ended the pool."""
    if how == "Cold":
        _put_back(sender)


def _put_back(worker: str) -> None:
    try:
        count = recovery.put_back_of(worker)
    except Exception:
        logger.exception("What %s was running is left to its leases.", worker)
        return
    if count:
        logger.info("%d running tasks were put back.", count)
