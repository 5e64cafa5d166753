"""Free ports."""

import socket

import pytest

from development import ports


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_free_ports_are_apart_and_below_those_of_outgoing_connections() -> None:
    chosen: set[int] = set()
    for _ in range(50):
        port = ports.free_port(besides=chosen)
        assert port not in chosen
        assert ports.is_free(port)
        chosen.add(port)
    assert max(chosen) < 32_768


def test_where_nothing_is_free_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    with pytest.raises(ports.NoFreePort, match="end some servers"):
        ports.free_port()
