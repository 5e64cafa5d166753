"""A proxy before PostgreSQL that cuts a connection when COMMIT has taken hold, unheard.

The client learns that its connection is lost, and nothing about its transaction: what a failover
or a broken network does at the worst moment.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from crash_lab.development_code import ports

MARK = b"crash_lab:cut after commit"
COMMIT = b"COMMIT"
PIECE = 65_536


class Proxy:
    """Listens on loopback and passes on to the socket in `folder`; `cuts` counts."""

    def __init__(self, folder: Path) -> None:
        """Find the server's socket, which may be behind a link to a shorter path."""
        link = folder / "sockets"
        self._target = str((link if link.exists() else folder) / ".s.PGSQL.5432")
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", ports.free_port()))
        port = self._listener.getsockname()[1]
        # Nothing is encrypted between them: the proxy reads along.
        self.url = f"postgresql://postgres@127.0.0.1:{port}/shop?sslmode=disable"

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Listen no more; what is connected ends with its client."""
        # Closing alone would not wake the thread that waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                continue
            conversation = Conversation(self, client, server)
            threading.Thread(target=conversation.pass_questions, daemon=True).start()
            threading.Thread(target=conversation.pass_answers, daemon=True).start()


class Conversation:
    """One client's connection and the server's side of it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        """Pass on all, until the mark and a COMMIT after it were seen."""
        self.proxy, self.client, self.server = proxy, client, server
        self.is_marked = self.is_deaf = False

    def pass_questions(self) -> None:
        """Pass on what the client says; after a marked COMMIT it hears nothing any more."""
        with suppress(OSError):
            while piece := self.client.recv(PIECE):
                self.is_marked = self.is_marked or MARK in piece
                if self.is_marked and COMMIT in piece:
                    self.is_deaf = True
                self.server.sendall(piece)
        self._close()

    def pass_answers(self) -> None:
        """Pass on what the server says; its answer to a marked COMMIT ends the conversation."""
        with suppress(OSError):
            while piece := self.server.recv(PIECE):
                if self.is_deaf:
                    self.proxy.cuts += 1
                    break
                self.client.sendall(piece)
        self._close()

    def _close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
