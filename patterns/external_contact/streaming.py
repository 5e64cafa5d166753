"""A streamed body is part of its request: it is made while it is sent, after the middleware."""

import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
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
    while True:
        token = hook.enter(scope)
        try:
            part = next(one_by_one)
        except StopIteration:
            return
        except BaseException as error:
            raise _ending(error, scope) from error
        finally:
            hook.leave(token)
        yield part


async def _each_async(parts: AsyncIterable[bytes], scope: Scope) -> AsyncIterator[bytes]:
    one_by_one = aiter(parts)
    while True:
        token = hook.enter(scope)
        try:
            scope.awaited = anext(one_by_one)
            part = await scope.awaited
        except StopAsyncIteration:
            return
        except BaseException as error:
            raise _ending(error, scope) from error
        finally:
            hook.leave(token)
        yield part


def _ending(error: BaseException, scope: Scope) -> BaseException:
    """Return what ends the body: the status is sent, so all that is left is to break it off.

    An ordinary exception: one that is none would end the process of some servers.
    """
    return error if scope.refused is None else RuntimeError(str(scope.refused))
