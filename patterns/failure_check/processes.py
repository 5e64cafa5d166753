"""The check of processes: those that must run and do not, and the checks' own run."""

from collections.abc import Iterable, Iterator

from django.db import connections

from . import configuration
from .heartbeats import WORKER, forget
from .problem import Problem, duration
from .signs import Sign, signs

_WATCHED = """
SELECT extract(epoch FROM clock_timestamp() - at)::float8,
    extract(epoch FROM clock_timestamp() - watched_since)::float8 FROM failure_check_run
"""
_OPEN = "SELECT name FROM failure_check_alarm WHERE cleared_at IS NULL AND name LIKE 'stale:%'"


def silent() -> Iterator[Problem]:
    """Find processes that must run and do not, and workers that stopped answering.

    A worker that vanished, and whose queues another one has begun to serve since, is forgotten.
    """
    found = {sign.name: sign for sign in signs()}
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_WATCHED)
        ran, watched = cursor.fetchone() or (None, None)
        cursor.execute(_OPEN)
        are_told = {row[0] for row in cursor.fetchall()}
    yield from _unwatched(ran)
    for name, seconds in configuration.heartbeats().items():
        sign = found.pop(name, None)
        silence = watched if sign is None else sign.silent_seconds
        was_never_seen = sign is None and f"stale:{name}" in are_told
        if silence is None or silence > seconds or was_never_seen:
            yield _missing(name, sign)
    dead = [sign for sign in found.values() if not sign.is_living]
    for sign in dead:
        if _is_replaced(sign, found.values()):
            forget(sign.name)
        else:
            yield _stopped(sign)


def longest_unwatched_seconds() -> float:
    """Return how long ago the last run of the checks may have begun, before nobody looks.

    It may be late by a period where a relay takes over from beat, and take a while itself.
    """
    return 3 * configuration.period_seconds() + 30


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


def _is_replaced(dead: Sign, others: Iterable[Sign]) -> bool:
    newer = [each for each in others if each.is_living and each.started_at > dead.at]
    return set(dead.queues) <= {queue for each in newer for queue in each.queues}


def _stopped(sign: Sign) -> Problem:
    worker = sign.name.removeprefix(WORKER)
    return Problem(
        name=f"stale:{sign.name}",
        severity="critical",
        sentence=f"The worker {worker} of {', '.join(sign.queues) or 'no queue'} stopped answering"
        f" at {sign.at:%Y-%m-%d %H:%M:%S} UTC.",
        remedy=f"Start it again. If it is gone for good: manage.py allclear --forget '{sign.name}'",
    )
