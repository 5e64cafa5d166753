"""Whatever library contacts the outside, the request is told which line of the project it was."""

from functools import partial
from typing import Any

import pytest

from patterns.external_contact.errors import ExternalContact
from tests.external_contact import contacting
from tests.external_contact.asking import ask, ask_async, line, view_line
from tests.external_contact.conftest import Outside

by_name = {"ids": lambda function: function.__name__}


@pytest.mark.parametrize("does", contacting.SYNC, **by_name)
def test_a_library_that_waits_is_stopped_before_it_connects(outside: Outside, does: Any) -> None:
    with pytest.raises(ExternalContact) as raised:
        ask("/sync/x/", partial(does, outside.port))
    assert raised.value.address == outside.address
    assert raised.value.place == f"at {line(does)}, called from {view_line('sync_view')}"
    assert outside.visits == 0


def test_a_middleware_of_the_project_has_no_part_in_it(settings: Any, outside: Outside) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.external_contact.site.Passing"]
    with pytest.raises(ExternalContact) as raised:
        ask("/sync/x/", partial(contacting.by_urllib, outside.port))
    assert raised.value.place.endswith(f"called from {view_line('sync_view')}")


@pytest.mark.parametrize("does", contacting.ASYNC, **by_name)
def test_an_asynchronous_library_is(outside: Outside, does: Any) -> None:
    with pytest.raises(ExternalContact) as raised:
        ask_async("/async/", partial(does, outside.port))
    assert raised.value.address == outside.address
    # A task of its own knows nothing of who waits for it; one of a library's has no line of ours.
    last = does if does is contacting.by_httpx_async else contacting.by_a_stream
    assert raised.value.place.startswith(f"at {line(last)}")
    if does in (contacting.by_httpx_async, contacting.by_a_stream):
        assert raised.value.place.endswith(f"called from {view_line('async_view')}")
    assert outside.visits == 0


@pytest.mark.parametrize("view", ["sync/x", "by_sync_to_async"])
def test_synchronous_code_is_under_asgi(outside: Outside, view: str) -> None:
    with pytest.raises(ExternalContact) as raised:
        ask_async(f"/{view}/", partial(contacting.by_requests, outside.port))
    assert raised.value.place.startswith(f"at {line(contacting.by_requests)}")


def test_asynchronous_code_is_under_wsgi(outside: Outside) -> None:
    with pytest.raises(ExternalContact) as raised:
        ask("/by_async_to_sync/", partial(contacting.by_a_stream, outside.port))
    assert raised.value.place.startswith(f"at {line(contacting.by_a_stream)}")


@pytest.mark.parametrize(
    ("library", "asked", "path", "does"),
    [
        ("botocore", ask, "/sync/x/", contacting.by_botocore),
        ("aiohttp", ask_async, "/async/", contacting.by_aiohttp),
    ],
    ids=["botocore", "aiohttp"],
)
def test_libraries_that_are_too_large_to_install_for_this_are_where_they_are(
    outside: Outside, library: str, asked: Any, path: str, does: Any
) -> None:
    pytest.importorskip(library)
    with pytest.raises(ExternalContact) as raised:
        asked(path, partial(does, outside.port))
    assert raised.value.place.startswith(f"at {line(does)}")
    assert outside.visits == 0


def test_a_name_is_told_as_the_code_wrote_it_and_is_not_looked_up() -> None:
    with pytest.raises(ExternalContact) as raised:
        ask("/sync/x/", lambda: contacting.requests.get("https://api.example.com/v1", timeout=5))
    assert raised.value.address == "api.example.com:443"


def test_the_message_names_the_request_by_its_route_and_the_remedy(outside: Outside) -> None:
    with pytest.raises(ExternalContact) as raised:
        ask("/sync/a-secret/", partial(contacting.by_urllib, outside.port))
    assert str(raised.value) == (
        f"The request GET /sync/<secret>/ contacts {outside.address} at"
        f" {line(contacting.by_urllib)}, called from {view_line('sync_view')}."
        " Enqueue a task that does it; or, if every request must wait for it, name it in"
        " EXTERNAL_CONTACT_ALLOWED."
    )
