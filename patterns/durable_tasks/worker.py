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
    """Put back what still counts as running here: the pool's processes have ended."""
    try:
        count = recovery.put_back_of(sender.hostname)
    except Exception:
        logger.exception("What %s was running is left to its leases.", sender.hostname)
        return
    if count:
        logger.info("%d running tasks were put back.", count)
