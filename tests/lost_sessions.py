"""A session with PostgreSQL that ends at a statement: at each one in turn.

PostgreSQL ends it, before the statement, or once that has taken hold and before it is answered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

WHEN = ("before", "after")
MOST_STATEMENTS = 200  # what asks for more than this goes round in circles


class Fault:
    """The session ends at statement `at` of those that are made while it is armed."""

    def __init__(self, at: int, when: str, admin: "psycopg.Connection[Any]") -> None:
        """Nothing has been asked yet."""
        self.at, self.when, self.admin = at, when, admin
        self.asked = 0
        self.is_armed = self.has_struck = False

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Count what is asked in the block."""
        self.is_armed = True
        try:
            yield
        finally:
            self.is_armed = False

    def around(self, ask: Callable[[], Any], pid: int | None) -> Any:
        """Ask; it is cut off where it is this statement's turn. No `pid`: it is connecting."""
        if not self.is_armed:
            return ask()
        number, self.asked = self.asked, self.asked + 1
        if number != self.at:
            return ask()
        self.has_struck = True
        if self.when == "before":
            self._end(pid)
            return ask()
        answer = ask()
        self._end(pid or answer.info.backend_pid)
        raise psycopg.OperationalError("the answer is lost")

    def _end(self, pid: int | None) -> None:
        if pid is None:
            raise psycopg.OperationalError("connection refused")
        self.is_armed = False
        try:
            self.admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        finally:
            self.is_armed = True


def faults(patching: pytest.MonkeyPatch, when: str, fewest: int) -> Iterator[Fault]:
    """Give a fault for each statement in turn, and one that does not strike any more.

    Raises AssertionError where fewer than that many were struck: the block asked nothing.
    """
    connection.ensure_connection()
    info: Any = connection.connection.info  # type: ignore[union-attr]  # just ensured
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as admin:
        for at in range(MOST_STATEMENTS):
            fault = Fault(at, when, admin)
            with patching.context() as patched:
                _put_between(patched, fault)
                yield fault
            if not fault.has_struck:
                assert at >= fewest, f"{at} statements"
                return
    raise AssertionError(f"More than {MOST_STATEMENTS} statements")


def _put_between(patched: pytest.MonkeyPatch, fault: Fault) -> None:
    """Put the fault between Django and PostgreSQL."""
    connect, commit = psycopg.Connection.connect, psycopg.Connection.commit
    execute = psycopg.Cursor.execute

    def connecting(*args: Any, **kwargs: Any) -> Any:
        return fault.around(lambda: connect(*args, **kwargs), None)

    def committing(self: Any) -> Any:
        return fault.around(lambda: commit(self), self.info.backend_pid)

    def executing(self: Any, *args: Any, **kwargs: Any) -> Any:
        pid = self.connection.info.backend_pid
        return fault.around(lambda: execute(self, *args, **kwargs), pid)

    patched.setattr(psycopg.Connection, "connect", connecting)
    patched.setattr(psycopg.Connection, "commit", committing)
    patched.setattr(psycopg.Cursor, "execute", executing)
