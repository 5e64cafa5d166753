"""The base of a durable task: `delay()` inserts a row, a worker claims it, its end deletes it."""

from contextlib import AbstractContextManager
from typing import Any, Self

from celery import Celery, Task
from celery.exceptions import Ignore
from django.db import InterfaceError, OperationalError

from . import arguments, claim, fresh, lease, refusals, settle
from .asking import Asking
from .completing import OnlyATransaction
from .doors import ClosedDoors
from .error_text import words
from .marks import PUBLICATION, RUN
from .retry import Retrying
from .run import Run
from .run_transaction import Completion

CELERYS_OWN = "celery."


# As in Asking: what Celery lists one by one is passed through, and the others have Celery's list.
class DurableTask(Asking, Retrying, ClosedDoors):  # pyright: ignore[reportIncompatibleMethodOverride]
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
        # A body may hand its headers on, to a plain task too: that one has no row to claim.
        (self.request.headers or {}).pop(PUBLICATION, None)
        claimed = self._claim(publication)
        if claimed is None:
            raise Ignore("There is nothing to start: another message or worker has this task.")
        limit = (self.request.timelimit or (None,))[0] or self.time_limit
        with lease.Kept(claimed, limit):
            return self.run_claimed(Run(self, claimed, settle.write_fresh))

    def run_claimed(self, run: Run) -> Any:
        """Run the body of a claimed row in this request, and end the row."""
        following = super().__call__
        # Celery's own would push an empty request over ours.
        if getattr(following, "__func__", None) is Task.__call__:
            following = self.run

        def told() -> None:
            # What Celery keeps on the task of an earlier run's `retry(max_retries=...)`.
            self.__dict__.pop("override_max_retries", None)
            request.args, request.kwargs = arguments.decode(run.claim.arguments)
            request.retries = run.claim.retries

        def body() -> Any:
            args = tuple(request.args)
            type(self).before_start(self, str(request.id), args, request.kwargs)
            return following(*request.args, **request.kwargs)

        request: Any = self.request
        request.update({RUN: run})
        try:
            return run.body(told, body)
        finally:
            run.is_over = True

    def completing(self) -> AbstractContextManager[Completion]:
        """Return the block in which a task with atomic=False records its effect and ends.

        What it changes, the next steps it enqueues and the end of the task commit together. Crash
        before the commit: the task runs again, and asks the outside again with the same key.
        Raises `ClaimLost`, after which nothing of the block is kept, and `CompletingMisused` in a
        thread that the body has started. Called directly, without a row, it is a transaction.
        """
        run = self.request.get(RUN)
        return run.completing() if run is not None else OnlyATransaction(str(self.name))

    def attempt_fails(self, run: Run, error: BaseException) -> None:
        """Do nothing; told why an attempt fails or is retried, rolled back and not written yet.

        Neither this nor the next one may raise: `error` goes on to Celery.
        """

    def attempt_failed(self, run: Run, error: BaseException) -> None:
        """Do nothing; told once it is written that an attempt has failed, and is not retried."""

    def _before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        if self.request.get(PUBLICATION) is None:  # no row: a plain task, or called eagerly
            type(self).before_start(self, task_id, args, kwargs)

    def _claim(self, publication: str) -> claim.Claim | None:
        if fresh.is_stuck():  # a plain task before this one was interrupted
            fresh.drop_own()
        try:
            return claim.claim(str(self.request.id), publication, str(self.request.hostname))
        except (OperationalError, InterfaceError) as error:
            raise Ignore(f"Not claimed; the task's row is there: {words(error)}") from error
