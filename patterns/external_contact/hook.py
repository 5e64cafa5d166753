"""The hook on the interpreter's audit events: it asks the scope of whoever contacts something."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from .scope import EVENTS, Scope

# What ends a request from outside is never answered in its place.
ENDS = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)

# Bound to the hook below, which can never be removed: where this module is imported anew, the old
# hook asks its own variable, which nobody sets any more, and nothing is seen twice.
_current: "ContextVar[Scope | None]" = ContextVar("external_contact", default=None)
_is_installed = False


def install() -> None:
    """Have the interpreter call the hook; once a process, however often it is asked for."""
    global _is_installed
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_hook)


def enter(scope: Scope) -> "Token[Scope | None]":
    """Watch what is done from here on, in this context and those copied from it."""
    install()
    return _current.set(scope)


def leave(token: "Token[Scope | None]") -> None:
    """Watch as before."""
    _current.reset(token)


@contextmanager
def watching(scope: Scope) -> Iterator[None]:
    """Watch what is done within. A refusal is swallowed, whatever it has become: see `refused`."""
    token = enter(scope)
    try:
        yield
    except BaseException as error:
        if scope.refused is None or isinstance(error, ENDS):
            raise
    finally:
        leave(token)


def _hook(
    event: str,
    args: tuple[Any, ...],
    # Not looked up as globals, which are gone while the interpreter ends and events still come.
    watched: frozenset[str] = EVENTS,
    current: "ContextVar[Scope | None]" = _current,
) -> None:
    if event not in watched or (scope := current.get()) is None:
        return
    # What is asked from here (a declared name's addresses, a log's server) is not the request's.
    token = current.set(None)
    try:
        scope.meet(event, args)
    finally:
        current.reset(token)


# Else nothing is traced in an audit hook: no debugger would stop there, and no coverage count.
_hook.__cantrace__ = True  # type: ignore[attr-defined]  # the interpreter asks for it
