"""The one place where the base of every task of the shop is chosen."""

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from celery import Celery
from celery.result import AsyncResult
from celery.utils.time import make_aware
from django.db import InterfaceError, OperationalError, transaction
from kombu.utils.json import dumps, loads

from config.queues import SHOP, VISIBILITY_TIMEOUT_SECONDS
from patterns.retrying_task import RetryingTask

logger = logging.getLogger(__name__)
# What a group lends to its members: given back to the pool long before the commit.
LENT = {"producer", "publisher", "connection"}


class ShopTask(RetryingTask):
    """A retrying task on a declared queue, published when the caller's transaction has committed.

    Crash: a process that dies between the commit and the publication loses the task.
    Duplicate: the broker may deliver twice; every body checks what is done already.
    Rollback: a task enqueued in a transaction that rolls back never runs. That is so for `.delay()`
    and `.apply_async()`; `app.send_task("name")` knows no task, so it publishes at once.
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
        """Publish after the commit of the open transaction; at once where there is none.

        A wrong queue, wrong arguments and arguments that are not JSON raise here, not after the
        commit. A retry is published at once: its own transaction is about to roll back.

        Raises `kombu.exceptions.OperationalError` where the broker is away and no transaction is
        open. In a transaction nothing is raised: what is done is done, so the loss is logged.
        """
        queue = options.get("queue")
        if isinstance(queue, str):
            SHOP.require(queue, asked_by=f"{self.name}.apply_async()")
        self._refuse_far_future(options.get("countdown"), options.get("eta"))
        if options.get("retries") or not transaction.get_connection().in_atomic_block:
            return super().apply_async(args, kwargs, **options)
        return self._publish_on_commit(args, kwargs, options)

    def _refuse_far_future(self, countdown: float | None, eta: datetime | None) -> None:
        """Raise `ValueError` for a task that Redis would hand out again while it still waits."""
        longest = VISIBILITY_TIMEOUT_SECONDS - (self.time_limit or 0)
        if isinstance(eta, datetime):
            countdown = (make_aware(eta, UTC) - datetime.now(UTC)).total_seconds()
        if countdown is not None and countdown > longest:
            raise ValueError(
                f"{self.name} is to wait {countdown:.0f} s; beyond {longest} s the broker hands it"
                " out again, so it would run many times. Let beat enqueue it when it is due."
            )

    def _publish_on_commit(self, args: Any, kwargs: Any, options: Any) -> AsyncResult[Any]:
        task_id = options.setdefault("task_id", str(uuid4()))
        # The caller may close or change these before the commit.
        options = {name: options[name] for name in options if name not in LENT}
        args, kwargs = loads(dumps([list(args or ()), dict(kwargs or {})]))
        if self.typing:
            self.__header__(*args, **kwargs)  # type: ignore[attr-defined]  # the signature alone

        def publish() -> None:
            try:
                super(ShopTask, self).apply_async(args, kwargs, **options)
            except Exception:
                logger.exception(
                    "Task %s[%s] is lost: its transaction has committed, and no broker took it.",
                    self.name,
                    task_id,
                )

        transaction.on_commit(publish)
        return self.AsyncResult(task_id)
