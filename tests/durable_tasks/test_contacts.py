"""What an audit event says of a contact; that they are seen is tried in test_samples.py."""

import socket
from collections.abc import Iterator
from threading import Thread, current_thread
from typing import Any

import pytest

from patterns.durable_tasks import contacts
from patterns.durable_tasks.contacts import Contacts


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        yield sender


@pytest.mark.parametrize(
    ("event", "rest", "told"),
    [
        ("socket.connect", [("127.0.0.1", 9)], "a connection to 127.0.0.1:9"),
        ("socket.connect", ["/run/a.sock"], "a connection to /run/a.sock"),
        ("socket.sendto", [("::1", 9, 0, 0)], "a connection to ::1:9"),
        ("subprocess.Popen", [["true"]], "the program ['true']"),
    ],
)
def test_an_event_is_told_with_the_line_that_did_it(
    sender: socket.socket, event: str, rest: list[Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Contacts([])
    monkeypatch.setattr(contacts, "_open", [seen])
    contacts._hook(event, (sender, *rest))
    assert [each.partition(" (")[0] for each in seen.found] == [told]
    assert f"({__file__}:" in seen.found[0]


def test_own_servers_messages_without_an_address_and_other_events_are_no_contact(
    sender: socket.socket,
) -> None:
    seen = Contacts(["127.0.0.1:9"])
    seen.note("socket.connect", (sender, ("127.0.0.1", 9)))
    seen.note("socket.sendmsg", (sender, None))
    seen.note("open", ("a file", "r", 0))
    assert seen.found == []


def test_what_other_threads_do_is_left_out_whatever_it_is(sender: socket.socket) -> None:
    seen = Contacts([], others=[current_thread()])
    seen.note("socket.connect", (sender, ("127.0.0.1", 9)))
    seen.note("os.system", (b"true",))
    assert seen.found == []


def test_of_a_contact_by_a_library_alone_no_line_is_told() -> None:
    seen = Contacts([])
    thread = Thread(target=seen.note, args=("os.system", (b"true",)))
    thread.start()
    thread.join()
    assert seen.found == ["the program b'true'"]
