"""The middleware: what is done between it and the view, and while the body is sent, is watched."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from . import configuration, hook
from .errors import ExternalContact
from .scope import Scope
from .streaming import watched


class ExternalContactMiddleware:
    """Watches each request; where one contacts the outside, it is refused, or told and counted.

    A refused contact makes the answer 500, with Django's page and signals of any error, also where
    something has caught it, or wrapped it in another exception or a group. An open transaction is
    rolled back by it, as by any exception.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Stand before `get_response`; raise `MiddlewareNotUsed` where the mode is "off"."""
        if configuration.mode() == "off":
            raise MiddlewareNotUsed("EXTERNAL_CONTACT_MODE is off.")
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the answer, or what becomes it."""
        if self.is_async:
            return self._answered(request)
        scope = Scope(request)
        response = None  # stays so where the refusal has come up to here
        with hook.watching(scope):
            response = self.get_response(request)
        return watched(response, scope) if scope.refused is None else _refusal(request, scope)

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        scope = Scope(request)
        response = None
        with hook.watching(scope):
            scope.awaited = self.get_response(request)
            response = await scope.awaited
        if scope.refused is None:
            return watched(response, scope)
        return await sync_to_async(_refusal, thread_sensitive=False)(request, scope)


def _refusal(request: HttpRequest, scope: Scope) -> HttpResponseBase:
    """Return what Django answers to an exception of the view's."""
    assert scope.refused is not None  # noqa: S101  asked before
    try:
        raise scope.refused
    except ExternalContact as contact:
        # Django converts what is an `Exception` alone; this takes any.
        return response_for_exception(request, contact)  # type: ignore[arg-type]
