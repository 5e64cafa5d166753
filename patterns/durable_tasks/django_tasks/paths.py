"""Where a worker finds a Django task: by the dotted path of its function, which is the row's name.

So no worker has to have imported its module before.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from django.utils.module_loading import import_string

from .framework import AnyTask, InvalidTask, Task


class CodeUnknown(ImportError):
    """This worker's code has no such task: it is older or newer than the caller's."""

    is_permanent = True  # once it has been waited for


def path_of(task: AnyTask) -> str:
    """Return a task's path; raise `InvalidTask` where it leads a worker to something else."""
    path = str(task.module_path)
    try:
        found = None if path.startswith("__main__.") else import_string(path)
    except ImportError:
        found = None
    if getattr(found, "func", None) is not task.func:
        raise InvalidTask(
            f"A worker imports {path}, and finds no task with this function there. Decorate the"
            " function itself with @task, in a module."
        )
    return path


def task_at(path: str, queue: str, told: Mapping[str, Any]) -> AnyTask:
    """Return the task that a row names, as it was enqueued; raise `CodeUnknown`."""
    try:
        found = import_string(path)
    except ImportError as error:
        raise CodeUnknown(f"{path} cannot be imported here: {error}") from error
    if not isinstance(found, Task):
        raise CodeUnknown(f"{path} is a {type(found).__name__}, no task.")
    after = told.get("run_after")
    return found.using(
        backend=told["backend"],
        queue_name=queue,
        priority=told["priority"],
        run_after=datetime.fromisoformat(after) if after else None,
    )


def refuse_wrong_arguments(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError in the caller, not in the worker, where the function does not take them."""
    try:
        _signature(called(task)).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{task.module_path}: {error}") from None


def called(task: AnyTask) -> Callable[..., Any]:
    """Return what has the parameters that callers fill."""
    return _without_context(task.func) if task.takes_context else task.func


@lru_cache(maxsize=1024)
def _without_context(function: Callable[..., Any]) -> Callable[..., Any]:
    return partial(function, None)


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)
