"""The base of a durable task: `delay()` inserts a row, a worker claims it, its end deletes it."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Self

from asgiref.sync import sync_to_async
from celery import Celery, Task
from celery.exceptions import Ignore, MaxRetriesExceededError, Reject
from celery.result import AsyncResult
from django.core.exceptions import SynchronousOnlyOperation
from django.db import InterfaceError, OperationalError, transaction

from . import (
    arguments,
    calls,
    claim,
    configuration,
    decisions,
    enqueue,
    fresh,
    lease,
    refusals,
    settle,
)
from .error_text import words
from .errors import NotKept
from .hooks import Hooks
from .run import Completion, Run

PUBLICATION = "durable_publication"  # the message's header that holds its token
RUN = "durable_run"  # the attribute of Celery's request that holds the run
CELERYS_OWN = "celery."
RETRYS_OWN = {"args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries"}


class DurableTask(Hooks, Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """A task that is a row until it has succeeded.

    Crash: it runs again, `max_crashes` times at most. Duplicate message: starts nothing. Rollback
    of the caller: it was never enqueued. `durable = False`: an ordinary Celery task.
    """

    abstract = True
    Request = f"{__package__}.request:DurableRequest"
    durable = True
    # The body runs in a transaction that commits together with the end of the task. False for a
    # task that contacts the outside: no transaction is open, and it ends in `completing()`.
    atomic = True
    max_crashes = 3
    max_argument_bytes: int | None = None  # the setting's
    redact: tuple[str, ...] = ()  # words in argument names, in addition to the setting's

    @classmethod
    def on_bound(cls, app: Celery) -> None:
        """Raise `NotKept` for what a durable task cannot keep."""
        super().on_bound(app)
        refusals.overridden_call(cls, DurableTask.__call__)
        if (cls.name or "").startswith(CELERYS_OWN):
            cls.durable = False
        if not cls.durable:
            return
        refusals.at_definition(cls)
        # The row brings a task back; a message that came back as well would start nothing.
        cls.acks_late = cls.reject_on_worker_lost = False
        cls.retry_on_worker_lost = False  # type: ignore[attr-defined]  # not in the stubs

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Keep `before_start` for the run, where it has the arguments and its crashes count.

        Celery calls what it finds on the instance: before the row is claimed. Not in `__init__`,
        which a base of the project's own may have without asking this one, as in Celery's docs.
        """
        self = super().__new__(cls)
        self.before_start = self._before_start  # type: ignore[method-assign]
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Claim, run and settle what a message names; call the body where there is no message."""
        if self.request.get(RUN) is not None:  # a body that calls its own task, as a function
            return Task.__call__(self, *args, **kwargs)
        publication = self.request.get(PUBLICATION)
        if self.request.called_directly or publication is None:
            return super().__call__(*args, **kwargs)
        claimed = self._claim(publication)
        if claimed is None:
            raise Ignore("There is nothing to start: another message or worker has this task.")
        limit = (self.request.timelimit or (None,))[0] or self.time_limit
        with lease.kept(claimed, limit):
            return self.run_claimed(Run(self, claimed, settle.write_fresh))

    def run_claimed(self, run: Run) -> Any:
        """Run the body of a claimed row in this request, and end the row."""
        following = super().__call__
        if (
            getattr(following, "__func__", None) is Task.__call__
        ):  # it would push an empty request over ours
            following = self.run

        def body() -> Any:
            request = self.request
            request.args, request.kwargs = arguments.decode(run.claim.arguments)
            request.retries = run.claim.retries
            args = tuple(request.args)
            type(self).before_start(self, str(request.id), args, request.kwargs)
            return following(*request.args, **request.kwargs)

        self.request.update({RUN: run})
        return run.body(body)

    def completing(self) -> AbstractContextManager[Completion]:
        """Return the block in which a task with atomic=False records its effect and ends.

        What it changes, the next steps it enqueues and the end of the task commit together. Crash
        before the commit: the task runs again, and asks the outside again with the same key.
        Raises `ClaimLost`, after which nothing of the block is kept. Called directly, without a
        row, it is a transaction.
        """
        run = self.request.get(RUN)
        return run.completing() if run is not None else _only_a_transaction()

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

    def retry(self, *args: Any, **kwargs: Any) -> Any:
        """As Celery's, for a durable run: what it asks for is written when the body has ended.

        Crash before that: the attempt counts as crashed, not as retried. Raises `NotKept` for an
        option that a retry does not change. The error that says that retries are used up shows
        the arguments redacted.
        """
        if self.request.get(RUN) is not None:
            decisions.refuse(self, {key: kwargs[key] for key in kwargs.keys() - RETRYS_OWN})
        try:
            return super().retry(*args, **kwargs)
        except MaxRetriesExceededError as error:
            # A body's own error goes on as it is; Celery's would print the arguments.
            if error is kwargs.get("exc"):
                raise
            shown = arguments.redacted(self, error.task_args or (), error.task_kwargs or {})
        except Reject as refused:  # Celery's answer to what apply_async() raised
            if self.request.get(RUN) is None or not isinstance(refused.args[0], Exception):
                raise
            raise refused.args[0] from None
        raise self.MaxRetriesExceededError(
            f"Can't retry {self.name}[{self.request.id}] args:{shown[0]} kwargs:{shown[1]}"
        )

    def attempt_fails(self, run: Run, error: BaseException) -> None:
        """Do nothing; told why an attempt fails or is retried, rolled back and not written yet.

        Neither this nor the next one may raise: `error` goes on to Celery.
        """

    def attempt_failed(self, run: Run, error: BaseException) -> None:
        """Do nothing; told once it is written that an attempt has failed, and is not retried."""

    def map(self, it: Any) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("map")
        return super().map(it)

    def starmap(self, it: Any) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("starmap")
        return super().starmap(it)

    def chunks(self, it: Any, n: int) -> Any:
        """Raise `NotKept` for a durable task."""
        self._refuse_loop("chunks")
        return super().chunks(it, n)

    def replace(self, sig: Any) -> Any:
        """Raise `NotKept` in a durable run."""
        if self.request.get(RUN) is not None:
            raise NotKept(f"{self.name}: replace() is not kept; enqueue the other task instead.")
        return super().replace(sig)

    def add_to_chord(self, sig: Any, lazy: bool = False) -> Any:
        """Raise `NotKept` in a durable run."""
        if self.request.get(RUN) is not None:
            raise NotKept(f"{self.name}: chords are not kept; enqueue the other task instead.")
        return super().add_to_chord(sig, lazy)  # type: ignore[call-overload]  # of literals

    def _before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        if self.request.get(PUBLICATION) is None:  # no row: a plain task, or called eagerly
            type(self).before_start(self, task_id, args, kwargs)

    def _refuse_loop(self, name: str) -> None:
        if self.durable:
            raise NotKept(
                f"{self.name}: {name}() would run it from one plain message that may be lost; use"
                " enqueue_many([(args, kwargs), ...])."
            )

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

    def _claim(self, publication: str) -> claim.Claim | None:
        if fresh.is_stuck():  # a plain task before this one was interrupted
            fresh.drop_own()
        try:
            return claim.claim(str(self.request.id), publication, str(self.request.hostname))
        except (OperationalError, InterfaceError) as error:
            raise Ignore(f"Not claimed; the task's row is there: {words(error)}") from error


@contextmanager
def _only_a_transaction() -> Iterator[Completion]:
    """`completing()` of a body that was called directly."""
    with transaction.atomic(using=configuration.database()):
        yield Completion()
