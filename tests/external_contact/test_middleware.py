"""What becomes of a request that contacts the outside: refused, or told; and one that does not."""

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.test import Client

from patterns.external_contact import counting, scope
from patterns.external_contact.errors import ExternalContact
from tests.external_contact import contacting, site
from tests.external_contact.asking import ask, ask_async
from tests.external_contact.conftest import Outside
from tests.servers import eventually

each_way = pytest.mark.parametrize(
    ("asked", "path", "does"),
    [
        (ask, "/sync/x/", contacting.connect),
        (ask_async, "/async/", contacting.by_a_stream),
        (ask, "/streamed/", contacting.connect),
        (ask_async, "/streamed_async/", contacting.by_a_stream),
    ],
    ids=["WSGI", "ASGI", "streamed", "streamed under ASGI"],
)


def test_a_refused_request_is_an_error_as_any_other(outside: Outside, settings: Any) -> None:
    settings.DEBUG = True
    told: list[Any] = []
    got_request_exception.connect(lambda **_: told.append(1), weak=False, dispatch_uid="told")
    site.told[:] = [partial(contacting.by_requests, outside.port)]
    try:
        answer = Client(raise_request_exception=False).get("/sync/x/", headers={"Accept": "text/x"})
    finally:
        got_request_exception.disconnect(dispatch_uid="told")
    assert (answer.status_code, told) == (500, [1])
    assert f"contacts {outside.address} at tests/external_contact/".encode() in answer.content
    assert b"Enqueue a task that does it" in answer.content


def test_code_that_catches_errors_does_not_go_on(outside: Outside) -> None:
    done = []

    def does() -> None:
        contacting.though_it_may_fail(outside.port)
        done.append("and so the customer is told that all is fine")

    with pytest.raises(ExternalContact):
        ask("/sync/x/", does)
    assert done == []


def test_no_library_tries_again(outside: Outside, monkeypatch: Any) -> None:
    tried = []
    monkeypatch.setattr("urllib3.util.retry.Retry.increment", lambda *_, **__: tried.append(1))
    with pytest.raises(ExternalContact):
        ask("/sync/x/", partial(contacting.by_a_session_that_retries, outside.port))
    assert tried == []


@each_way
def test_in_production_the_customer_notices_nothing_and_it_is_counted(
    settings: Any, outside: Outside, caplog: Any, asked: Any, path: str, does: Any
) -> None:
    settings.EXTERNAL_CONTACT_MODE = "log"
    before = counting.total()
    answer = asked(path, partial(does, outside.port))
    assert answer.status_code == 200
    if path == "/streamed/":
        assert b"".join(answer) == b"onetwo"
    assert counting.total() == before + 1
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert f"contacts {outside.address} at tests/external_contact/" in caplog.text
    eventually(lambda: outside.visits == 1)


def test_a_contact_by_name_is_counted_once(
    settings: Any, monkeypatch: Any, outside: Outside
) -> None:
    settings.EXTERNAL_CONTACT_MODE = "log"
    # A name that is looked up without a network, as if it were another machine's.
    monkeypatch.setattr(scope, "OWN_NAMES", set())
    before = counting.total()

    def does() -> None:
        contacting.socket.create_connection(("localhost", outside.port), timeout=5).close()

    assert ask("/sync/x/", does).status_code == 200
    assert counting.total() == before + 1


def test_a_look_up_for_no_port_answers_for_the_next_connection_alone(
    settings: Any, monkeypatch: Any, outside: Outside
) -> None:
    settings.EXTERNAL_CONTACT_MODE = "log"
    monkeypatch.setattr(scope, "OWN_NAMES", set())
    before = counting.total()

    def does() -> None:
        contacting.socket.gethostbyname("localhost")
        with contacting.socket.socket() as ours:
            ours.connect(("127.0.0.1", outside.port))
        contacting.connect(outside.port)  # by an address of its own

    assert ask("/sync/x/", does).status_code == 200
    assert counting.total() == before + 2


def test_settings_that_cannot_be_read_fail_a_developers_request_and_no_customers(
    settings: Any, outside: Outside, caplog: Any
) -> None:
    settings.EXTERNAL_CONTACT_BROKERS = ["BROKER_URL"]
    settings.BROKER_URL = 6379

    def does() -> None:
        with contacting.socket.socket() as ours:
            ours.connect(("127.0.0.1", outside.port))

    with pytest.raises(TypeError):
        ask("/sync/x/", does)
    settings.EXTERNAL_CONTACT_MODE = "log"
    caplog.clear()
    assert ask("/sync/x/", does).status_code == 200
    assert caplog.messages == ["A request's contact could not be judged, and passes."]


def test_by_default_a_developer_is_stopped_and_no_customer(settings: Any, outside: Outside) -> None:
    del settings.EXTERNAL_CONTACT_MODE
    settings.DEBUG = False
    assert ask("/sync/x/", partial(contacting.connect, outside.port)).status_code == 200
    settings.DEBUG = True
    with pytest.raises(ExternalContact):
        ask("/sync/x/", partial(contacting.connect, outside.port))


def test_switched_off_it_is_not_there(settings: Any, outside: Outside, caplog: Any) -> None:
    settings.EXTERNAL_CONTACT_MODE = "off"
    caplog.set_level(logging.INFO)
    before = counting.total()
    assert ask("/sync/x/", partial(contacting.connect, outside.port)).status_code == 200
    assert counting.total() == before


def test_switched_off_while_a_request_runs_it_lets_pass(settings: Any, outside: Outside) -> None:
    def does() -> None:
        settings.EXTERNAL_CONTACT_MODE = "off"
        contacting.connect(outside.port)

    assert ask("/sync/x/", does).status_code == 200
    eventually(lambda: outside.visits == 1)


def test_a_line_outside_of_the_folder_is_told_by_its_whole_path(
    outside: Outside, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExternalContact, match=f"at {contacting.__file__}:"):
        ask("/sync/x/", partial(contacting.connect, outside.port))


def test_what_the_view_raises_itself_stays_what_it_is() -> None:
    with pytest.raises(json.JSONDecodeError):
        ask("/sync/x/", partial(json.loads, "{"))
    with pytest.raises(KeyboardInterrupt):
        ask("/sync/x/", interrupted)


def test_what_an_asynchronous_view_raises_itself_stays_what_it_is() -> None:
    async def does() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_async("/async/", does)


def test_what_ends_a_request_from_outside_is_not_answered_in_its_place(outside: Outside) -> None:
    def does() -> None:
        contacting.though_everything_is_caught(outside.port)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask("/sync/x/", does)


def interrupted() -> None:
    raise KeyboardInterrupt
