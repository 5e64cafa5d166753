"""Which request and which task a log line belongs to: the id goes from a request to its mails."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from celery import signals

# The header of a message, and the attribute of a run's request, that carries the id.
REQUEST_ID = "request_id"
_TOKEN = "log_context_token"  # noqa: S105  where a run keeps what was current before it

_current: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))


def current() -> Mapping[str, str]:
    """Return what is known here: `request_id`, and in a task `task_id`, `task` and `root_id`."""
    return _current.get()


@contextmanager
def about(**what: str) -> Iterator[None]:
    """Let what is logged, and what is enqueued, in this block belong to `what`."""
    token = _current.set({**_current.get(), **what})
    try:
        yield
    finally:
        _current.reset(token)


class CarriesRequestId:
    """Part of a base task: each of its messages carries the id of the request it comes from.

    What a task enqueues, next steps and mails included, carries that task's id on.
    """

    def message_headers(self) -> Mapping[str, str]:
        """Return the id, where there is one: beat's tasks come from no request."""
        request_id = _current.get().get(REQUEST_ID)
        return {REQUEST_ID: request_id} if request_id else {}


@signals.task_prerun.connect
def _begin(task: Any, task_id: str, **_: Any) -> None:
    """Restore the id before the body. Not in the body: Celery's own lines come after it."""
    found = {
        REQUEST_ID: task.request.get(REQUEST_ID),
        "task_id": task_id,
        "task": task.name,
        "root_id": task.request.get("root_id"),
    }
    known = {name: value for name, value in found.items() if isinstance(value, str)}
    task.request.update({_TOKEN: _current.set(known)})


@signals.task_postrun.connect
def _end(task: Any, **_: Any) -> None:
    token = task.request.get(_TOKEN)
    if token is not None:
        _current.reset(token)
        task.request.update({_TOKEN: None})
