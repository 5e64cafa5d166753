"""What is watched, a request or a test, and what it may contact."""

import logging
import socket
from typing import Any

from . import configuration
from .addresses import Address, address_of, ip_of, is_loopback
from .declared import OWN_NAMES, is_declared, is_declared_name
from .errors import ExternalContact
from .places import lines
from .reporting import report

logger = logging.getLogger(__name__)

CONNECT = "socket.connect"
REVERSE_LOOKUP = "socket.gethostbyaddr"
EVENTS = frozenset({CONNECT, REVERSE_LOOKUP, "socket.getaddrinfo", "socket.gethostbyname"})
REMEDY = (
    "Enqueue a task that does it; or, if every request must wait for it, name it in"
    " EXTERNAL_CONTACT_ALLOWED."
)
TEST_REMEDY = "Let the test start a server on this machine, or replace what is contacted."


class Scope:
    """One request, from the middleware to the end of its body, or one test.

    `awaited` is the coroutine that the middleware waits for, under ASGI. `refused` is the contact
    that was refused: whatever becomes of the exception, the middleware finds it here.
    """

    __slots__ = ("awaited", "is_test", "looked_up_port", "refused", "request")

    def __init__(self, request: Any = None, *, is_test: bool = False) -> None:
        """Watch a request, or a test, which may contact this machine besides."""
        self.request = request
        self.is_test = is_test
        self.awaited: Any = None
        self.looked_up_port: int | None = None  # 0 stands for any
        self.refused: ExternalContact | None = None

    def meet(self, event: str, args: tuple[Any, ...]) -> None:
        """Let pass what is declared; of anything else raise `ExternalContact`, or report it."""
        try:
            if event == CONNECT:
                self._meet_connect(*args)
            else:
                self._meet_lookup(address_of(*args[:2]), is_reverse=event == REVERSE_LOOKUP)
        except Exception:  # settings in a form that nobody thought of: no customer's request fails
            if configuration.mode() == "raise":
                raise
            logger.exception("A request's contact could not be judged, and passes.")

    def _meet_lookup(self, asked: Address, *, is_reverse: bool) -> None:
        self.looked_up_port = None
        if asked.host in OWN_NAMES or (ip_of(asked.host) and not is_reverse):
            return  # nobody is asked
        # Which addresses that brings is not known here: what connects to the port is what was
        # looked up for it.
        if is_declared_name(asked):
            self.looked_up_port = asked.port or None
        elif not (is_reverse and is_loopback(asked)):
            self.looked_up_port = asked.port
            self._found(asked)

    def _meet_connect(self, sock: Any, where: Any) -> None:
        asked = _connected(sock, where)
        if asked is None or (self.is_test and is_loopback(asked)):
            return
        if self.looked_up_port in {0, asked.port} or is_declared(asked):
            return
        try:
            self._found(asked)
        except ExternalContact:
            sock.close()  # libraries do so after an `OSError`: it would be left, with a warning
            raise

    def _found(self, asked: Address) -> None:
        mode = configuration.mode()
        if mode == "off":
            return
        where = lines(self.awaited)
        message = f"{self._name()} contacts {asked} {where}."
        if mode == "log":
            report(message, place=where)
            return
        remedy = TEST_REMEDY if self.is_test else REMEDY
        self.refused = ExternalContact(f"{message} {remedy}", address=str(asked), place=where)
        raise self.refused

    def _name(self) -> str:
        if self.is_test:
            return "A test"
        # By its route: a path may hold a secret, such as the token of a password's reset.
        match = getattr(self.request, "resolver_match", None)
        return f"The request {self.request.method} /{match.route}" if match else "A request"


def _connected(sock: Any, where: Any) -> Address | None:
    """Return where a socket is to be connected to; None of a datagram's, which waits for nobody."""
    if sock.type != socket.SOCK_STREAM:
        return None
    if sock.family == socket.AF_UNIX:
        return address_of(where)
    return address_of(*where[:2]) if sock.family in {socket.AF_INET, socket.AF_INET6} else None
