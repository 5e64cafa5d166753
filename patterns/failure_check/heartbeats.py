"""Signs of life: who writes one, and whose has been missing for too long.

One is written from a process's own loop, or by a thread that asks that loop first: a loop that is
stuck shall count as silent.
"""

import logging
import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error, connections

from . import configuration
from .problem import Problem

logger = logging.getLogger(__name__)

WORKER = "worker "
# Three may fail before anybody is told.
BEATS_A_SILENCE = 4

_WRITE = """
INSERT INTO failure_check_heartbeat AS h (name, host, pid, queues, started_at, at)
VALUES (%(name)s, %(host)s, %(pid)s, %(queues)s, now(), now())
ON CONFLICT (name) DO UPDATE SET at = now(), host = excluded.host, pid = excluded.pid,
    queues = excluded.queues, started_at = CASE
        WHEN h.host = excluded.host AND h.pid = excluded.pid THEN h.started_at ELSE now() END
"""
_DELETE = "DELETE FROM failure_check_heartbeat WHERE name = ANY(%s)"
# Nobody looked, or the database was away, before `watched_since`: that silence says nothing. Nor
# does a sign of the future, which is from before the server's clock was set back.
_READ = """
SELECT h.name, h.queues, h.started_at, h.at, extract(epoch FROM clock_timestamp() - CASE
    WHEN h.at > clock_timestamp() + interval '1 minute' THEN coalesce(r.watched_since, h.at)
    ELSE greatest(h.at, r.watched_since) END)::float8
FROM failure_check_heartbeat h LEFT JOIN failure_check_run r ON true
"""
_WATCHED = """
SELECT extract(epoch FROM clock_timestamp() - at)::float8,
    extract(epoch FROM clock_timestamp() - watched_since)::float8 FROM failure_check_run
"""


class Heartbeat:
    """What a process writes: "beat", "relay", "worker mail@host".

    Two processes of one name write the same row: it says that one of them lives.
    """

    def __init__(self, name: str, queues: Iterable[str] = ()) -> None:
        """Write the first one when asked next."""
        self.values = {
            "name": name,
            "host": platform.node(),
            "pid": os.getpid(),
            "queues": list(queues),
        }
        self.name = name
        self._next_at = 0.0

    @property
    def interval_seconds(self) -> float:
        """Return how often one is written."""
        return longest_silence(self.name) / BEATS_A_SILENCE

    def write(self) -> None:
        """Write one, unless one was written just now. Raises nothing: a loop goes on without."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self.interval_seconds
        self._execute(_WRITE, self.values)

    def end(self) -> None:
        """Delete it, where a process ends in order and need not come back. Raises nothing."""
        self._execute(_DELETE, [[self.name]])

    def _execute(self, statement: str, values: Any) -> None:
        connection = connections[configuration.database()]
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
        except Error as error:
            logger.info("The heartbeat of %s is not written: %s", self.name, error)
            if not connection.in_atomic_block:
                connection.close()


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A heartbeat as it is found; `silent_seconds` counts what was watched, and no outage."""

    name: str
    queues: list[str]
    started_at: datetime
    at: datetime
    silent_seconds: float

    @property
    def is_living(self) -> bool:
        """Tell whether it is recent enough."""
        return self.silent_seconds <= longest_silence(self.name)


def longest_silence(name: str) -> float:
    """Return how many seconds a process may be silent."""
    return configuration.heartbeats().get(name, configuration.worker_silence_seconds())


def longest_unwatched_seconds() -> float:
    """Return how long ago the last run of the checks may have begun, before nobody looks.

    It may be late by a period where a relay takes over from beat, and take a while itself.
    """
    return 3 * configuration.period_seconds() + 30


def signs() -> list[Sign]:
    """Return all that have ever been written and not deleted."""
    names = ("name", "queues", "started_at", "at", "silent_seconds")
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(f"{_READ} ORDER BY h.name")
        return [Sign(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def served_queues() -> set[str]:
    """Return the queues that a living worker takes from."""
    living = [sign for sign in signs() if sign.name.startswith(WORKER) and sign.is_living]
    return {queue for sign in living for queue in sign.queues}


def forget(*names: str) -> None:
    """Delete the heartbeats of processes that are gone for good."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_DELETE, [list(names)])


def silent() -> Iterator[Problem]:
    """Find processes that must run and do not, and workers that stopped answering.

    A worker that vanished, and whose queues another one has begun to serve since, is forgotten.
    """
    found = {sign.name: sign for sign in signs()}
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_WATCHED)
        ran, watched = cursor.fetchone() or (None, None)
    yield from _unwatched(ran)
    for name, seconds in configuration.heartbeats().items():
        sign = found.pop(name, None)
        silence = watched if sign is None else sign.silent_seconds
        if silence is None or silence > seconds:
            yield _missing(name, sign)
    dead = [sign for sign in found.values() if not sign.is_living]
    for sign in dead:
        if _is_replaced(sign, found.values()):
            forget(sign.name)
        else:
            yield _stopped(sign)


def _is_replaced(dead: Sign, others: Iterable[Sign]) -> bool:
    newer = [each for each in others if each.is_living and each.started_at > dead.at]
    return set(dead.queues) <= {queue for each in newer for queue in each.queues}


def _unwatched(ran_seconds: float | None) -> Iterator[Problem]:
    if ran_seconds is None or ran_seconds > longest_unwatched_seconds():
        ago = "never ran" if ran_seconds is None else f"ran {duration(ran_seconds)} ago"
        yield Problem(
            name="unwatched",
            severity="critical",
            sentence=f"Nobody is told of anything: the checks {ago}.",
            remedy="Start beat; where it runs, its log says why it does not check.",
        )


def _missing(name: str, sign: Sign | None) -> Problem:
    last = "was never seen" if sign is None else f"was last seen at {sign.at:%Y-%m-%d %H:%M:%S} UTC"
    return Problem(
        name=f"stale:{name}",
        severity="critical",
        sentence=f"The process {name!r} does not run, or is stuck: it {last}.",
        remedy=f"Start {name} again. Where it runs, see in its log what it waits for.",
    )


def _stopped(sign: Sign) -> Problem:
    worker = sign.name.removeprefix(WORKER)
    return Problem(
        name=f"stale:{sign.name}",
        severity="critical",
        sentence=f"The worker {worker} of {', '.join(sign.queues) or 'no queue'} stopped answering"
        f" at {sign.at:%Y-%m-%d %H:%M:%S} UTC.",
        remedy=f"Start it again. If it is gone for good: manage.py allclear --forget '{sign.name}'",
    )


def duration(seconds: float) -> str:
    """Return a time as people say it: "40 s", "12 min", "3 h", "2 days"."""
    for length, unit in ((172_800, "days"), (7200, "h"), (120, "min")):
        if seconds >= length:
            return f"{seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"
