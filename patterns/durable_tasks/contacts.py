"""What this process contacts outside meanwhile, for tests: connections, programs, messages, mails.

Seen by the interpreter's audit events, in all threads but those that were there before: one that
looks at a broker or sends off metrics does so whatever runs meanwhile. Messages are those of plain
Celery tasks, mails those of Django's backend for tests, in memory. Not seen: what C code connects
by itself (psycopg, pycurl), what another process does, what is handed to a thread that was there
before, files, caches in memory, and what a connection carries that was there before (see
`end_connections()`).
"""

import os
import socket
import sys
import sysconfig
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from celery.signals import before_task_publish
from django.core import mail

# Each with where in its arguments the far side is.
CONNECTIONS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
PROGRAMS = {"subprocess.Popen": 1, "os.system": 0, "os.posix_spawn": 1}
# Whose lines nobody can change: the culprit is further out.
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
_HERE = str(Path(__file__).parent)

_open: list["Contacts"] = []  # who is told; audit hooks cannot be removed
_hooks: list[bool] = []


class Contacts:
    """What was contacted, in order, each with the line of the project's code that did it."""

    def __init__(
        self, own_servers: Collection[str], others: Collection[threading.Thread] = ()
    ) -> None:
        """Leave out `own_servers`, each `host:port`: a cache, say; and what `others` contact."""
        self.own_servers, self.others = own_servers, others
        self.found: list[str] = []
        self._sockets: set[tuple[int, int]] = set()

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Write an audit event down, where it is a contact."""
        if event not in CONNECTIONS and event not in PROGRAMS:
            return
        if threading.current_thread() in self.others:
            return
        if event in CONNECTIONS:
            address = _address(arguments[CONNECTIONS[event]])
            if address and address not in self.own_servers:
                self.found.append(f"a connection to {address}{_line()}")
                self._keep(arguments[0])
        else:
            self.found.append(f"the program {arguments[PROGRAMS[event]]!r:.200}{_line()}")

    def note_message(self, sender: Any, **_: Any) -> None:
        """Write down that a plain task is published: its broker may have been connected before."""
        self.found.append(f"the broker, by a message of {sender}{_line()}")

    def end_connections(self) -> None:
        """Shut down what was connected: who kept it has to connect, and is seen, again."""
        for number, inode in self._sockets:
            with suppress(OSError):  # closed by now
                if os.fstat(number).st_ino == inode:
                    with socket.socket(fileno=os.dup(number)) as copy:
                        copy.shutdown(socket.SHUT_RDWR)

    def _keep(self, connected: socket.socket) -> None:
        # By number: TLS goes on with the connection in another object.
        with suppress(OSError):
            self._sockets.add((connected.fileno(), os.fstat(connected.fileno()).st_ino))


def other_threads() -> frozenset[threading.Thread]:
    """Return the threads of this process besides the one that asks."""
    return frozenset(threading.enumerate()) - {threading.current_thread()}


@contextmanager
def contacts(
    own_servers: Collection[str] = (), others: Collection[threading.Thread] = ()
) -> Iterator[Contacts]:
    """Give what the block contacts; complete when it has ended."""
    if not _hooks:
        _hooks.append(True)
        sys.addaudithook(_hook)
    seen, mails = Contacts(own_servers, others), len(_outbox())
    _open.append(seen)
    before_task_publish.connect(seen.note_message)
    try:
        yield seen
    finally:
        before_task_publish.disconnect(seen.note_message)
        _open.remove(seen)
        seen.found += [f"a mail to {each.to}: {each.subject!r}" for each in _outbox()[mails:]]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for each in _open:
        each.note(event, arguments)


def _outbox() -> list[Any]:
    return list(getattr(mail, "outbox", ()))


def _address(given: Any) -> str:
    """Return `host:port`, or the path of a socket that is a file; "" of a message without any."""
    if isinstance(given, tuple) and len(given) >= 2:
        return f"{given[0]}:{given[1]}"
    return "" if given is None else str(given)


def _line() -> str:
    """Return the innermost line of code that is neither a library's nor this folder's."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith((*_LIBRARIES, _HERE, "<")):
            return f" ({path}:{frame.f_lineno})"
        frame = frame.f_back  # type: ignore[assignment]  # None at the end
    return ""
