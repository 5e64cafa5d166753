"""The one place where the base of every task of the shop is chosen."""

from functools import partial
from typing import Any
from uuid import uuid4

import httpx
from celery.result import AsyncResult
from django.db import transaction

from patterns.retrying_task import RetryingTask


class ShopTask(RetryingTask):
    """A retrying task whose `delay()` waits for the caller's transaction to commit.

    Crash: a process that dies between the commit and the publication loses the task.
    Duplicate: the broker may deliver twice; every body checks what is done already.
    Rollback: a task enqueued in a transaction that rolls back never runs.
    """

    abstract = True

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether trying again may help: an answer of 408, 429 or 5xx, or no answer at all."""
        if isinstance(error, httpx.HTTPStatusError):
            return error.response.status_code in {408, 429} or error.response.is_server_error
        return isinstance(error, httpx.TransportError) or super().is_transient(error)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> AsyncResult[Any]:
        """Publish after the commit of the open transaction, at once where there is none.

        A retry is published at once: its own transaction is about to roll back.
        """
        options["task_id"] = options.get("task_id") or str(uuid4())
        publish = partial(super().apply_async, args, kwargs, **options)
        if options.get("retries") or not transaction.get_connection().in_atomic_block:
            return publish()
        transaction.on_commit(publish, robust=True)
        return self.AsyncResult(options["task_id"])
