"""A body that is made while it is sent is part of its request; a file is sent as before."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient

from patterns.external_contact.scope import Scope
from patterns.external_contact.streaming import watched
from tests.external_contact import contacting, site
from tests.external_contact.asking import ask
from tests.external_contact.conftest import Outside


def test_a_body_is_broken_off_where_it_contacts_the_outside(outside: Outside) -> None:
    parts = iter(ask("/streamed/", partial(contacting.connect, outside.port)))
    assert next(parts) == b"one"
    # An ordinary exception: servers log it, and end the connection.
    with pytest.raises(RuntimeError, match=f"contacts {outside.address} at .*in parts"):
        next(parts)
    assert outside.visits == 0


@pytest.mark.parametrize("after", [[b"two"], []], ids=["and goes on", "and ends"])
def test_a_body_that_swallows_the_refusal_is_broken_off_all_the_same(
    outside: Outside, after: list[bytes]
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"one"
        contacting.though_everything_is_caught(outside.port)
        yield from after

    body = iter(watched(StreamingHttpResponse(parts()), Scope()))
    assert next(body) == b"one"
    with pytest.raises(RuntimeError, match=f"contacts {outside.address} at "):
        next(body)


def test_what_ends_a_request_from_outside_ends_its_body(outside: Outside) -> None:
    def parts() -> Iterator[bytes]:
        contacting.though_everything_is_caught(outside.port)
        raise KeyboardInterrupt
        yield b""

    with pytest.raises(KeyboardInterrupt):
        list(watched(StreamingHttpResponse(parts()), Scope()))


def test_an_asynchronous_body_is(outside: Outside) -> None:
    site.told[:] = [partial(contacting.by_httpx_async, outside.port)]

    async def asked() -> None:
        answer: Any = await AsyncClient().get("/streamed_async/")
        parts = aiter(answer)
        assert await anext(parts) == b"one"
        with pytest.raises(RuntimeError, match=f"contacts {outside.address} at "):
            await anext(parts)

    asyncio.run(asked())
    assert outside.visits == 0


def test_a_body_that_contacts_nothing_is_sent_whole() -> None:
    assert b"".join(ask("/streamed/", lambda: None)) == b"onetwo"


def test_between_two_parts_nothing_is_watched(outside: Outside) -> None:
    parts = iter(ask("/streamed/", lambda: None))
    assert next(parts) == b"one"
    contacting.connect(outside.port)  # the server's own doing
    assert list(parts) == [b"two"]


def test_an_open_file_is_left_for_the_server_to_send(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"whole")
    response = watched(FileResponse(path.open("rb")), Scope())
    assert response.file_to_stream is not None
    assert b"".join(response) == b"whole"
    response.close()


def test_an_answer_that_is_whole_is_left_alone() -> None:
    response = HttpResponse("whole")
    assert watched(response, Scope()) is response
    assert response.content == b"whole"


def test_what_a_body_raises_itself_stays_what_it_is() -> None:
    def parts() -> Any:
        yield b"one"
        raise ZeroDivisionError

    response = watched(StreamingHttpResponse(parts()), Scope())
    with pytest.raises(ZeroDivisionError):
        list(response)
