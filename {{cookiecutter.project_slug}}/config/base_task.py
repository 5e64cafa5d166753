"""The one place where the base of every task of the shop is chosen."""

from typing import Any

import httpx
from celery import Celery
from celery.result import AsyncResult
from django.db import InterfaceError, OperationalError

from config.queues import SHOP
from patterns.durable_tasks.task import DurableTask
from patterns.retrying_task import RetryingTask


class ShopTask(DurableTask, RetryingTask):
    """A durable task that retries what may pass, on a declared queue.

    Crash, duplicate, rollback: as `DurableTask` says. `durable = False` makes an ordinary Celery
    task of it, published at once.
    """

    abstract = True
    # The database's: connection lost, deadlock, serialization failure, lock timeout.
    transient_errors = (
        *RetryingTask.transient_errors,
        OperationalError,
        InterfaceError,
        httpx.TransportError,
    )
    # A wrong URL is no outage.
    permanent_errors = (*RetryingTask.permanent_errors, httpx.UnsupportedProtocol)

    @classmethod
    def on_bound(cls, app: Celery) -> None:
        """Raise `QueueNotDeclared` where the task names no queue or an unknown one."""
        super().on_bound(app)
        SHOP.require_of(cls)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> AsyncResult[Any]:
        """Enqueue; raise `QueueNotDeclared` for a queue that no worker takes from."""
        queue = options.get("queue")
        if isinstance(queue, str):
            SHOP.require(queue, asked_by=f"{self.name}.apply_async()")
        return super().apply_async(args, kwargs, **options)
