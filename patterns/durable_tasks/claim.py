"""Claim a row: one statement, committed before the body begins."""

import logging
import os
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connections

from . import configuration, fresh, locks
from .processes import process_name

logger = logging.getLogger(__name__)

# A worker that cannot reach the database waits so long before it drops a message; the row stays.
CLAIM_FOR_SECONDS = 20
# So long for a caller who still holds the row by its unique key. Not longer: one transaction may
# hold as many rows as a window has, while other tasks wait for these processes.
HELD_FOR_SECONDS = 5
PAUSE_SECONDS = 0.5
# A connection that was used so recently is taken to live.
ANSWERED_SECONDS = 5
_answered_at = [-ANSWERED_SECONDS * 1.0]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A row that this process runs, until it is settled or the lease ends."""

    id: UUID
    token: UUID
    name: str
    queue: str
    # What error trackers print of a frame's locals holds no one's data.
    arguments: str = field(repr=False)
    options: str = field(repr=False)
    retries: int
    crashes: int
    # By this machine's clock, before the database's: the lease ends later than counted from here.
    since: float = field(default_factory=time.monotonic)


# A function (migration 0004), planned once a session. No fsync is waited for: a claim that a dying
# server forgets is published again, and this run's token then ends nothing. No name where nothing
# starts: paused, expired, cancelled, taken.
_CLAIM = """
SELECT * FROM durable_tasks_claim(%(id)s, %(publication)s, %(token)s, %(worker)s, %(process)s,
    %(lease)s)
"""
# A message that came while its queue was paused: the row waits, and is published after the pause.
# Here and below, a row that somebody holds is left to its lease: a caller with its unique key may
# hold it for long, and nothing else would end this wait.
_PUT_BACK_PAUSED = """
UPDATE durable_tasks_task SET state = 1, publication = NULL, leased_until = NULL WHERE id = (
    SELECT id FROM durable_tasks_task t WHERE id = %s AND publication = %s AND state = 2
        AND EXISTS (SELECT FROM durable_tasks_queue q WHERE q.name = t.queue AND q.is_paused)
    FOR UPDATE OF t SKIP LOCKED)
"""
_EXPIRE = """
UPDATE durable_tasks_task SET state = 4, reason = 'expired', failed_at = now(), publication = NULL,
    first_failed_at = coalesce(first_failed_at, now()), unique_key = NULL, leased_until = NULL,
    error = 'It expired at ' || expires_at || ' before a worker started it.', traceback = ''
WHERE id = (
    SELECT id FROM durable_tasks_task
    WHERE id = %s AND publication = %s AND state = 2 AND expires_at <= now()
    FOR UPDATE SKIP LOCKED)
"""


def claim(task_id: str, publication: str, worker: str) -> Claim | None:
    """Claim the row that a message names; None where there is nothing to start.

    A database that is away is waited for: nothing else could run either; and, for less long, so are
    callers whose unique key the row has, until they commit. Raises what the database raises after
    that. Crash before the commit, or a soft time limit: the row stays published, and is published
    again when that lease ends. Duplicate message: None, as for any token that is not the current
    one.
    """
    parameters = {
        "id": task_id,
        "publication": publication,
        # One token for all attempts: an unanswered one may have claimed the row.
        "token": uuid4(),
        "worker": worker,
        "process": process_name(os.getpid()),
        "lease": configuration.lease_seconds(),
    }
    began = time.monotonic()
    while True:
        try:
            return _claim(parameters)
        except SoftTimeLimitExceeded:
            # Left at work in the server, the statement could yet claim the row, for nobody.
            fresh.canceller()()
            fresh.drop_own()
            raise
        except (OperationalError, InterfaceError) as error:
            patience = HELD_FOR_SECONDS if locks.is_timeout(error) else CLAIM_FOR_SECONDS
            if time.monotonic() > began + patience:
                raise
            logger.warning("Task %s is not claimed yet: %s", task_id, error)
            time.sleep(PAUSE_SECONDS)


def _claim(parameters: dict[str, Any]) -> Claim | None:
    since = time.monotonic()
    connection: Any = connections[configuration.database()]  # the stubs lack what is used here
    if not connection.in_atomic_block:  # a test's own transaction
        connection.close_if_unusable_or_obsolete()
        # One that answered a moment ago is not asked whether it lives: a claim can be made twice.
        connection.health_check_done = since - _answered_at[0] < ANSWERED_SECONDS
    message = [parameters["id"], parameters["publication"]]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        row = cursor.fetchone()
        _answered_at[0] = since
        if row[0] is not None:
            names = ("name", "queue", "arguments", "options", "retries", "crashes")
            values = dict(zip(names, row, strict=True))
            id, token = UUID(parameters["id"]), parameters["token"]
            return Claim(id=id, token=token, since=since, **values)
        cursor.execute(_PUT_BACK_PAUSED, message)
        cursor.execute(_EXPIRE, message)
    logger.info("Task %s: nothing to start for message %s.", *message)
    return None
