"""The one place where the base of every task of the shop is chosen."""

from datetime import UTC, datetime
from typing import Any

import httpx
from celery import Celery
from celery.result import AsyncResult
from celery.utils.time import make_aware
from django.db import InterfaceError, OperationalError

from config.log_context import CarriesRequestId
from config.queues import SHOP, VISIBILITY_TIMEOUT_SECONDS
from patterns.durable_tasks.task import DurableTask
from patterns.retrying_task import RetryingTask


class ShopTask(CarriesRequestId, DurableTask, RetryingTask):
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

    def apply_async(  # type: ignore[override]  # what Celery lists one by one is passed through
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> AsyncResult[Any]:
        """Enqueue; raise `QueueNotDeclared` for a queue that no worker takes from."""
        queue = options.get("queue")
        if isinstance(queue, str):
            SHOP.require(queue, asked_by=f"{self.name}.apply_async()")
        if not self.durable:
            self._refuse_far_future(options.get("countdown"), options.get("eta"))
        return super().apply_async(args, kwargs, **options)

    def _refuse_far_future(self, countdown: float | None, eta: datetime | None) -> None:
        """Raise `ValueError` for a message that Redis would hand out again while it still waits."""
        longest = VISIBILITY_TIMEOUT_SECONDS - (self.time_limit or 0)
        if isinstance(eta, datetime):
            countdown = (make_aware(eta, UTC) - datetime.now(UTC)).total_seconds()
        if countdown is not None and countdown > longest:
            raise ValueError(
                f"{self.name} is to wait {countdown:.0f} s; beyond {longest} s the broker hands it"
                " out again, so it would run many times. Make it durable, or let beat enqueue it."
            )
