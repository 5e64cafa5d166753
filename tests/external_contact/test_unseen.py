"""What the tripwire does not see: it is no wall, and docs/external_contact.md says so."""

import socket
from functools import partial
from typing import Any

import pytest

from patterns.external_contact.errors import ExternalContact
from tests.external_contact import contacting
from tests.external_contact.asking import ask, ask_async
from tests.external_contact.conftest import Outside
from tests.servers import eventually


@pytest.mark.parametrize("does", contacting.UNSEEN, ids=lambda function: function.__name__)
def test_it_passes_unseen(outside: Outside, does: Any) -> None:
    assert ask("/sync/x/", partial(does, outside.port)).status_code == 200
    eventually(lambda: outside.visits == 1)


def test_pycurl_does_where_it_is_installed(outside: Outside) -> None:
    pytest.importorskip("pycurl")
    assert ask("/sync/x/", partial(contacting.by_pycurl, outside.port)).status_code == 200
    eventually(lambda: outside.visits == 1)


def test_uvloop_does_where_it_is_installed(outside: Outside) -> None:
    uvloop = pytest.importorskip("uvloop")
    does = partial(contacting.by_a_stream, outside.port)
    asked = ask_async("/async/", does, loop_factory=uvloop.new_event_loop)
    assert asked.status_code == 200
    eventually(lambda: outside.visits == 1)


def test_a_connection_that_was_open_before_does(outside: Outside) -> None:
    with socket.create_connection(("127.0.0.1", outside.port)) as connection:
        assert ask("/sync/x/", partial(connection.sendall, b"EHLO me\r\n")).status_code == 200
        assert connection.recv(100) == b"220 outside\r\n"


@pytest.mark.parametrize("is_connected", [False, True])
def test_a_datagram_does(is_connected: bool) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as outside,
        socket.socket(type=socket.SOCK_DGRAM) as ours,
    ):
        outside.bind(("127.0.0.1", 0))

        def send() -> None:
            if is_connected:
                ours.connect(outside.getsockname())
                ours.send(b"signups:1|c")
            else:
                ours.sendto(b"signups:1|c", outside.getsockname())

        assert ask("/sync/x/", send).status_code == 200
        assert outside.recv(100) == b"signups:1|c"


def test_what_is_done_outside_of_any_request_does(outside: Outside) -> None:
    with pytest.raises(ExternalContact):
        ask("/sync/x/", partial(contacting.connect, outside.port))
    contacting.connect(outside.port)
    eventually(lambda: outside.visits == 1)
