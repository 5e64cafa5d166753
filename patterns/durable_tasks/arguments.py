"""The arguments of a task: kept as JSON, bounded in size, shown without their secrets."""

import inspect
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from celery.utils.saferepr import saferepr
from kombu.utils.json import dumps, loads

from . import configuration
from .errors import ArgumentsRefused

HIDDEN = "***"
SHOWN_CHARACTERS = 1024  # of each of the two reprs, as Celery's own limit


def encode(task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any], limit: int) -> str:
    """Return the arguments as kombu's JSON; raise `ArgumentsRefused` naming task and size.

    ASCII alone: PostgreSQL takes it whatever is in it (NUL, lone surrogates, NaN).
    """
    try:
        text = str(dumps([list(args), dict(kwargs)]))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentsRefused(
            f"The arguments of {task_name} are not JSON: {error}. Pass an id, and let the task"
            " look up what it needs."
        ) from error
    if len(text) > limit:
        raise ArgumentsRefused(
            f"The arguments of {task_name} are {len(text):,} bytes, more than {limit:,}. Store"
            " them and pass an id, or raise DURABLE_TASKS_MAX_ARGUMENT_BYTES"
            " (max_argument_bytes on the task)."
        )
    return text


def decode(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return what was encoded."""
    args, kwargs = loads(text)
    return args, kwargs


def redacted(
    run: Any, args: Sequence[Any], kwargs: Mapping[str, Any], words: tuple[str, ...]
) -> tuple[str, str]:
    """Return the reprs of args and kwargs for logs and Flower, secret values hidden by name."""
    words = (*configuration.redacted_names(), *words)
    names = positional_names(run)
    shown = [
        HIDDEN if _is_secret(names[n] if n < len(names) else "", words) else hide(value, words)
        for n, value in enumerate(args)
    ]
    return (
        saferepr(tuple(shown), SHOWN_CHARACTERS),
        saferepr(hide(dict(kwargs), words), SHOWN_CHARACTERS),
    )


def hide(value: Any, words: tuple[str, ...]) -> Any:
    """Return a value with what lies under a secret name hidden, at any depth of dictionaries."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_secret(str(key), words) else hide(each, words)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [hide(each, words) for each in value]
    return value


def show(reprs: tuple[str, str]) -> str:
    """Return both reprs as the row keeps them."""
    return json.dumps(reprs)


@lru_cache(maxsize=1024)
def positional_names(run: Any) -> tuple[str, ...]:
    """Return the names of a body's positional parameters; none where it has no signature."""
    try:
        parameters = inspect.signature(run).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(each.name for each in parameters if each.kind in kinds)


def _is_secret(name: str, words: tuple[str, ...]) -> bool:
    lower = name.lower()
    return any(word in lower for word in words)
