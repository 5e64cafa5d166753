"""Views that do what a test tells them, in each of Django's ways."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

# What the next request does.
told: list[Callable[[], Any]] = []


class Passing:
    """A middleware that hands on what it is given."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


def sync_view(request: HttpRequest, secret: str) -> HttpResponse:
    told[0]()  # the view
    return HttpResponse("fine")


async def async_view(request: HttpRequest) -> HttpResponse:
    await told[0]()  # the view
    return HttpResponse("fine")


async def by_sync_to_async(request: HttpRequest) -> HttpResponse:
    await sync_to_async(told[0])()
    return HttpResponse("fine")


def by_async_to_sync(request: HttpRequest) -> HttpResponse:
    async_to_sync(told[0])()
    return HttpResponse("fine")


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "one"
        told[0]()  # the view
        yield "two"

    return StreamingHttpResponse(parts())


async def streamed_async(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "one"
        await told[0]()  # the view
        yield "two"

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("sync/<secret>/", sync_view),
    path("async/", async_view),
    path("by_sync_to_async/", by_sync_to_async),
    path("by_async_to_sync/", by_async_to_sync),
    path("streamed/", streamed),
    path("streamed_async/", streamed_async),
]
