"""The arguments of a task: kept as JSON, bounded in size, shown without their secrets."""

import inspect
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from celery.utils.saferepr import saferepr
from kombu.utils.json import JSONEncoder, loads

from . import configuration
from .errors import ArgumentsRefused

HIDDEN = "***"
SHOWN_CHARACTERS = 1024  # of each of the two reprs, as Celery's own limit
# Made once: dumps() makes one for each call.
KOMBUS = JSONEncoder()
_READABLE = json.JSONEncoder(ensure_ascii=False)


def encode(task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any], limit: int) -> str:
    """Return the arguments as kombu's JSON; raise `ArgumentsRefused` naming task and size.

    ASCII alone: PostgreSQL takes it whatever is in it (NUL, lone surrogates, NaN).
    """
    try:
        text = str(KOMBUS.encode([list(args), dict(kwargs)]))
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


def redacted(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
    """Return the reprs of args and kwargs for logs and Flower, secret values hidden by name.

    `task` is None where this process does not know it: then nobody knows what a positional
    argument is, and none is shown. The same holds for a body whose parameters Python cannot tell.
    """
    words = (*configuration.redacted_names(), *getattr(task, "redact", ()))
    known = None if task is None else positional_names(task.run)
    if known is None:
        shown = [HIDDEN] * len(args)
    else:
        names, rest = known
        shown = [
            HIDDEN if _is_secret(names[n] if n < len(names) else rest, words) else hide(each, words)
            for n, each in enumerate(args)
        ]
    return _repr(tuple(shown)), _repr(hide(kwargs, words))


def hide(value: Any, words: tuple[str, ...]) -> Any:
    """Return a value with what lies under a secret name hidden, at any depth of dictionaries."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_secret(str(key), words) else hide(each, words)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [hide(each, words) for each in value]
    return value


def show(reprs: tuple[str, str]) -> str:
    """Return both reprs as the row keeps them: as people write them, for they are looked for.

    They are cut, and not this text: it is read as JSON.
    """
    text = _READABLE.encode(reprs)
    # A lone surrogate of somebody's own repr is no text to PostgreSQL.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=1024)
def positional_names(run: Any) -> tuple[tuple[str, ...], str] | None:
    """Return the names of a body's positional parameters, and of the one that takes the rest.

    None for a compiled one that does not tell.
    """
    try:
        parameters = inspect.signature(run).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [each.name for each in parameters if each.kind is inspect.Parameter.VAR_POSITIONAL]
    return tuple(each.name for each in parameters if each.kind in kinds), "".join(rest)


@lru_cache(maxsize=4096)
def _is_secret(name: str, words: tuple[str, ...]) -> bool:
    lower = name.lower()
    return any(word.lower() in lower for word in words)


def _repr(value: Any) -> str:
    """Return a bounded repr; Python's own where it is short, for Celery's is slow."""
    plain = repr(value)
    if len(plain) <= SHOWN_CHARACTERS:
        return plain
    return str(saferepr(value, SHOWN_CHARACTERS))[: 2 * SHOWN_CHARACTERS]
