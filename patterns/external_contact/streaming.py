"""A streamed body is part of its request: it is made while it is sent, after the middleware."""

import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.http.response import HttpResponseBase

from . import hook
from .scope import Scope


def watched(response: Any, scope: Scope) -> HttpResponseBase:
    """Return the response, whose body is watched part by part if it is streamed.

    A file that is open on this machine is left as it is: servers send such a one by themselves.
    """
    is_file = isinstance(getattr(response, "file_to_stream", None), io.BufferedReader)
    if response.streaming and not is_file:
        each = _each_async if response.is_async else _each
        response.streaming_content = each(response.streaming_content, scope)
    same: HttpResponseBase = response
    return same


def _each(parts: Iterable[bytes], scope: Scope) -> Iterator[bytes]:
    one_by_one = iter(parts)
    with suppress(StopIteration):
        while True:
            with hook.watching(scope):
                part = next(one_by_one)
            _break_off(scope)
            yield part


async def _each_async(parts: AsyncIterable[bytes], scope: Scope) -> AsyncIterator[bytes]:
    one_by_one = aiter(parts)
    with suppress(StopAsyncIteration):
        while True:
            with hook.watching(scope):
                scope.awaited = anext(one_by_one)
                part = await scope.awaited
            _break_off(scope)
            yield part


def _break_off(scope: Scope) -> None:
    """Raise where a contact was refused: the status is sent, so nothing else can tell of it.

    An ordinary exception: one that is none would end the process of some servers.
    """
    if scope.refused is not None:
        raise RuntimeError(str(scope.refused)) from scope.refused
