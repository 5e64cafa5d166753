"""How a task is asked for: each of Celery's ways inserts its row, or publishes a plain task."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from celery import Task
from celery.result import AsyncResult
from django.core.exceptions import SynchronousOnlyOperation
from django.db import transaction

from . import arguments, calls, configuration, decisions, enqueue, refusals
from .errors import NotKept
from .hooks import Hooks
from .marks import RUN


class Asking(Hooks, Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """The part of a durable task that callers use."""

    abstract = True
    durable: bool
    max_argument_bytes: int | None

    def apply_async(  # type: ignore[override]  # what Celery lists one by one is passed through
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> AsyncResult[Any]:
        """Insert the task's row: in the caller's transaction, else in its own.

        Takes Celery's options, and `unique_key`: while a task with that key has not started,
        another one is not enqueued, and the first one's id returned. Raises `NotKept`,
        `ArgumentsRefused`, `QueueFull`, `OtherDatabase`, TypeError for wrong arguments, and what
        the database raises. The broker is not touched.
        """
        # Celery makes an empty request where none is being run.
        run = self.request.get(RUN) if self.request_stack.top is not None else None
        if run is not None and decisions.is_own_retry(run, options):
            run.decision = decisions.decide(self, run, args, kwargs, options)
            return self.AsyncResult(str(run.claim.id))
        if not self.durable or self.app.conf.task_always_eager:
            return self._apply_plain(args, kwargs, options)
        row = calls.new_row(self.app, str(self.name), self, args, kwargs, options)
        try:
            return self.AsyncResult(str(enqueue.insert(row)))
        except SynchronousOnlyOperation as error:
            raise self._not_async() from error

    def enqueue_many(
        self, each: Iterable[tuple[Sequence[Any], Mapping[str, Any]]], **options: Any
    ) -> list[str]:
        """Enqueue this task for each `(args, kwargs)`, a thousand rows a statement; all or none.

        Returns the ids, in order. Options hold for all.
        """
        if not self.durable:
            return [str(self.apply_async(args, kwargs, **options)) for args, kwargs in each]
        rows = calls.many(self.app, self, each, options)
        try:
            return [str(id) for id in enqueue.insert_many(rows)]
        except SynchronousOnlyOperation as error:
            raise self._not_async() from error

    def replay_failed(
        self, each: Iterable[tuple[Sequence[Any], Mapping[str, Any]]], *, by: str
    ) -> list[str]:
        """Replay this task's failed rows that have these `(args, kwargs)`, in the open transaction.

        `by` is who asks. Returns the encoded arguments of those that were there. Two at once: one
        finds none.
        """
        # Not imported above: its models need Django's apps, which may be loaded after this module.
        failed = import_module(f"{__package__}.failed")
        encoded = [arguments.encode(str(self.name), *call, limit=sys.maxsize) for call in each]
        replayed: list[str] = failed.replay_failed_of(str(self.name), encoded, by=by)
        return replayed

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[Any]:
        """As `delay()`, for async callers."""
        return await self.aapply_async(args, kwargs)

    async def aapply_async(
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> AsyncResult[Any]:
        """As `apply_async()`, for async callers."""
        return await sync_to_async(self.apply_async)(args, kwargs, **options)

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> AsyncResult[Any] | None:
        """As `delay()`: the row commits with the transaction that is open."""
        return self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(
        self, args: Any = None, kwargs: Any = None, **options: Any
    ) -> AsyncResult[Any] | None:
        """As `apply_async()`; for a plain task, published after the commit, or lost in the log."""
        if self.durable:
            return self.apply_async(args, kwargs, **options)

        def publish() -> None:
            self.apply_async(args, kwargs, **options)

        transaction.on_commit(publish, using=configuration.database(), robust=True)
        return None

    def _not_async(self) -> NotKept:
        """Name the remedy where Django refuses to be used in an event loop."""
        return NotKept(
            f"{self.name}: in async code, await adelay() or aapply_async(); for a signature or"
            " enqueue_many(), await sync_to_async(...)(...)."
        )

    def _apply_plain(self, args: Any, kwargs: Any, options: dict[str, Any]) -> AsyncResult[Any]:
        """Publish as Celery does, bounded and redacted all the same."""
        unique_key = options.pop("unique_key", None)
        if unique_key is not None and not self.durable:
            raise NotKept(f"{self.name} is not durable: nothing holds its unique_key.")
        refusals.loops(self.app, str(self.name), kwargs or {})
        if (options.get("serializer") or self.serializer) == "json":
            limit = self.max_argument_bytes or configuration.max_argument_bytes()
            arguments.encode(str(self.name), args or (), kwargs or {}, limit)
        shown = arguments.redacted(self, args or (), kwargs or {})
        if carried := self.message_headers():
            options["headers"] = {**carried, **(options.get("headers") or {})}
        options.setdefault("argsrepr", shown[0])
        options.setdefault("kwargsrepr", shown[1])
        return super().apply_async(args, kwargs, **options)
