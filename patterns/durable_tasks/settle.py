"""Write how a run ended. Every statement names the run's token: zero rows means it is not ours."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connections

from . import configuration, fresh
from .claim import Claim
from .error_text import ERROR_CHARACTERS, clean, stack, words
from .errors import ClaimLost

logger = logging.getLogger(__name__)

# Runs one statement on a clean connection and tells how many rows it returned.
Write = Callable[[str, Sequence[Any]], int]
# A PostgreSQL that restarts is back within seconds; after this the lease decides.
WRITE_FOR_SECONDS = 20
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Retry:
    """What `retry()` decided: when to run again, and with what; None: as before."""

    delay_seconds: float | None
    due_at: datetime | None
    retries: int
    arguments: str | None = field(repr=False)
    shown: str | None
    queue: str | None
    rank: int | None
    options: str | None = field(repr=False)


NOT_RUNNING = "publication = NULL, claim = NULL, leased_until = NULL, worker = '', process = ''"
_OURS = "WHERE id = %s AND claim = %s AND state = 3 RETURNING 1"
# A function (migration 0004), planned once a session. It also writes the history's end.
COMPLETE = "SELECT durable_tasks_complete(%s, %s)"
RETRY = f"""
UPDATE durable_tasks_task SET {NOT_RUNNING}, retries = %s,
    due_at = coalesce(%s::timestamptz, clock_timestamp() + make_interval(secs => %s)),
    state = CASE WHEN coalesce(%s::timestamptz > clock_timestamp(), %s::float8 > 0)
        THEN 0 ELSE 1 END,
    arguments = coalesce(%s, arguments), shown = coalesce(%s, shown), queue = coalesce(%s, queue),
    rank = coalesce(%s, rank), options = coalesce(%s, options), error = %s,
    traceback = ''
{_OURS}
"""  # noqa: S608
FAIL = f"""
UPDATE durable_tasks_task SET {NOT_RUNNING}, state = 4, reason = %s, error = %s, traceback = %s,
    failed_at = clock_timestamp(), first_failed_at = coalesce(first_failed_at, clock_timestamp())
{_OURS}
"""  # noqa: S608
PUT_BACK = f"UPDATE durable_tasks_task SET {NOT_RUNNING}, state = 1 {_OURS}"  # noqa: S608
EXISTS = "SELECT 1 FROM durable_tasks_task WHERE id = %s"


def complete(claim: Claim) -> None:
    """Delete the row in the open transaction; raise `ClaimLost` where it is another's by now."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(COMPLETE, [claim.id, claim.token])
        if not cursor.fetchone()[0]:
            raise ClaimLost(f"{claim.name}[{claim.id}] was taken over: this run changes nothing.")


def retry(claim: Claim, decision: Retry, error: str, write: Write) -> bool:
    """Put the row back; False where there was none of ours."""
    return write(RETRY, _retry_values(claim, decision, error)) > 0


def fail(claim: Claim, reason: str, error: BaseException, write: Write) -> bool:
    """Keep the row as a failed one; False where there was none of ours."""
    values = [reason, clean(words(error), ERROR_CHARACTERS), stack(error), claim.id, claim.token]
    return write(FAIL, values) > 0


def put_back(claim: Claim, write: Write) -> bool:
    """Let the row wait again at once; no budget is spent. False where there was none of ours."""
    return write(PUT_BACK, [claim.id, claim.token]) > 0


def has_completed(claim: Claim, write: Write) -> bool:
    """Tell whether the row is gone: what ended in an unanswered COMMIT had committed."""
    return write(EXISTS, [claim.id]) == 0


def write_fresh(statement: str, values: Sequence[Any]) -> int:
    """Write on a connection of its own, for as long as a short outage lasts.

    The run's own connection may hold a broken transaction, or a COMMIT that nobody answered. The
    row's lock lets this wait for one that is still going on. Raises where the database stays away.
    """
    fresh.drop_own()
    deadline = time.monotonic() + WRITE_FOR_SECONDS
    while True:
        try:
            return len(fresh.execute(statement, values))
        except SoftTimeLimitExceeded:  # once a run; how the run ended is known already
            logger.info("A soft time limit passed while the end of a task was written.")
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > deadline:
                raise
            logger.warning("The database is away, trying again: %s", error)
            time.sleep(PAUSE_SECONDS)


def write_here(statement: str, values: Sequence[Any]) -> int:
    """Write in the caller's connection, whatever transaction is open: for tests."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(statement, values)
        return len(cursor.fetchall())


def _retry_values(claim: Claim, decision: Retry, error: str) -> list[Any]:
    delay = decision.delay_seconds or 0
    return [
        decision.retries,
        *(decision.due_at, delay, decision.due_at, delay),
        *(decision.arguments, decision.shown, decision.queue, decision.rank, decision.options),
        *(clean(error, ERROR_CHARACTERS), claim.id, claim.token),
    ]
