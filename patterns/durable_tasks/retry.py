"""`retry()` of a durable run, which publishes nothing."""

from typing import Any

from celery import Task
from celery.exceptions import MaxRetriesExceededError, Reject

from . import arguments, decisions
from .marks import RUN

RETRYS_OWN = {"args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries"}


class Retrying(Task):  # type: ignore[type-arg]  # generic in the stubs alone
    """The part of a durable task that a body uses to run again."""

    abstract = True

    def retry(self, *args: Any, **kwargs: Any) -> Any:
        """As Celery's, for a durable run: what it asks for is written when the body has ended.

        The next attempt has the row's arguments, whatever the body has done to its own lists and
        dictionaries, unless `args` or `kwargs` are given. Crash before that: the attempt counts as
        crashed, not as retried. Raises `NotKept` for an option that a retry does not change. The
        error that says that retries are used up shows the arguments redacted.
        """
        run = self.request.get(RUN)
        if run is not None:
            decisions.refuse(self, run, {key: kwargs[key] for key in kwargs.keys() - RETRYS_OWN})
            given = {**dict(zip(("args", "kwargs"), args, strict=False)), **kwargs}
            run.named = frozenset(name for name, each in given.items() if each is not None)
        try:
            return super().retry(*args, **kwargs)
        except MaxRetriesExceededError as error:
            # A body's own error goes on as it is; Celery's would print the arguments.
            if error is kwargs.get("exc"):
                raise
            shown = arguments.redacted(self, error.task_args or (), error.task_kwargs or {})
        except Reject as refused:  # Celery's answer to what apply_async() raised
            if run is None or not isinstance(refused.args[0], Exception):
                raise
            raise refused.args[0] from None
        raise self.MaxRetriesExceededError(
            f"Can't retry {self.name}[{self.request.id}] args:{shown[0]} kwargs:{shown[1]}"
        )
