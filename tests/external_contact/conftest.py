"""A project whose views contact an outside that listens on this machine, and counts.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tests.servers  # noqa: F401  it configures Django
from patterns.external_contact import checks, reporting


class Outside(socketserver.ThreadingTCPServer):
    """Somebody else's server: it says what a mail server says first, and hangs up."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.visits = 0
        super().__init__(("127.0.0.1", 0), Greeting)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Outside)
        self.server.visits += 1
        self.request.sendall(b"220 outside\r\n")


@pytest.fixture
def outside() -> Iterator[Outside]:
    with Outside() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def project(settings: Any) -> None:
    """The middleware alone, before views that do as they are told."""
    settings.ROOT_URLCONF = "tests.external_contact.site"
    settings.MIDDLEWARE = [checks.MIDDLEWARE]
    settings.EXTERNAL_CONTACT_MODE = "raise"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.ALLOWED_HOSTS = ["testserver"]
    reporting._told_at.clear()
