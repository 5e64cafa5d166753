"""Take back what a dead process, a dead worker or a dead machine held.

A crash is counted, and the one too many is a failure. An orderly shutdown counts nothing.
"""

import logging
from collections.abc import Sequence
from typing import Any

from . import fresh, sessions
from .error_text import ERROR_CHARACTERS, clean
from .processes import is_dead_here, process_name
from .settle import NOT_RUNNING, PUT_BACK

logger = logging.getLogger(__name__)

# Every place that takes a run away counts in the same way; `which` says whose. What had not been
# claimed may still hold its key.
CRASHED = """
UPDATE durable_tasks_task SET {not_running}, crashes = crashes + 1, error = %s, traceback = '',
    state = CASE WHEN crashes + 1 >= max_crashes THEN 4 ELSE 1 END,
    reason = CASE WHEN crashes + 1 >= max_crashes THEN 'crashes' ELSE '' END,
    failed_at = CASE WHEN crashes + 1 >= max_crashes THEN now() ELSE failed_at END,
    first_failed_at = CASE WHEN crashes + 1 >= max_crashes
        THEN coalesce(first_failed_at, now()) ELSE first_failed_at END,
    unique_key = CASE WHEN crashes + 1 >= max_crashes THEN NULL ELSE unique_key END
WHERE state = {state} AND {which} RETURNING id, name, crashes, state
"""
TIMED_OUT = f"""
UPDATE durable_tasks_task SET {NOT_RUNNING}, state = 4, reason = 'time_limit', error = %s,
    traceback = '', failed_at = now(), first_failed_at = coalesce(first_failed_at, now())
WHERE state = 3 AND id = %s AND publication = %s AND process = %s RETURNING id
"""  # noqa: S608  constants
NOT_CLAIMED = (
    "It had not begun: look at what runs in a worker before a task, the receivers of task_prerun."
)
_OF_WORKER = """
SELECT id, claim, process FROM durable_tasks_task WHERE state = 3 AND worker = %s
"""
_OF_PROCESS = """
SELECT id, claim, process FROM durable_tasks_task
WHERE state = 3 AND id = %s AND publication = %s AND process = %s
"""
_ENDED_LEASES = """
SELECT claim FROM durable_tasks_task WHERE state = 3 AND leased_until < now()
ORDER BY leased_until LIMIT 1000
"""


def crashed_statement(which: str, state: int = 3) -> str:
    """Return the statement that counts a crash of the running rows that `which` names."""
    return CRASHED.format(not_running=NOT_RUNNING, state=state, which=which)


def end_abandoned(cursor: Any) -> int:
    """End the database sessions of runs whose leases have ended; return how many.

    A frozen process keeps the locks of its open transaction, and the next run would wait for them.
    To be called before the leases are taken back, in a transaction of its own.
    """
    cursor.execute(_ENDED_LEASES)
    return sessions.end(cursor, [row[0] for row in cursor.fetchall()])


def process_lost(task_id: str, publication: str, pid: int | None, error: str) -> None:
    """Count the crash of one of this worker's processes, at once, whether or not it had begun.

    Raises what the database does.
    """
    if pid is None:  # it was lost before it took the task
        return
    running = fresh.execute(_OF_PROCESS, [task_id, publication, process_name(pid)])
    for row in running:
        _crashed(row, error)
    if not running:
        _crashed_before(task_id, publication, error)


def timed_out(task_id: str, publication: str, pid: int | None, error: str) -> None:
    """Fail a task whose process is about to be killed at its hard time limit.

    One that had not begun is no slow task: it counts as a crash. Its session ends with it: the
    server would work on. In one transaction, so that the body, which sees its session end before it
    is killed, does not end the task in another way.
    """
    process = [task_id, publication, process_name(pid or 0)]
    with fresh.cursor() as cursor:
        cursor.execute(_OF_PROCESS, process)
        claims = [row[1] for row in cursor.fetchall()]
        cursor.execute(TIMED_OUT, [clean(error, ERROR_CHARACTERS), *process])
        has_begun = bool(cursor.rowcount)
        sessions.end(cursor, claims)
    if not has_begun:
        _crashed_before(task_id, publication, error)


def release_of_dead(worker: str) -> int:
    """Release at a worker's start what an earlier one of its name, now dead, had claimed here."""
    released = 0
    for row in fresh.execute(_OF_WORKER, [worker]):
        if is_dead_here(row[2]):
            released += _crashed(row, f"Worker {worker} ended while it ran the task ({row[2]}).")
    return released


def put_back_of(worker: str) -> int:
    """Put back, at an orderly shutdown, what this worker's dead processes were running."""
    put_back = 0
    for task_id, claim, process in fresh.execute(_OF_WORKER, [worker]):
        if is_dead_here(process):
            with fresh.cursor() as cursor:
                sessions.end(cursor, [claim])
            put_back += len(fresh.execute(PUT_BACK, [task_id, claim]))
    return put_back


def log(rows: Sequence[tuple[Any, ...]]) -> None:
    """Say what became of tasks whose process was lost."""
    for task_id, name, crashes, state in rows:
        if state == 4:
            logger.error("%s[%s] has crashed %d processes: failed.", name, task_id, crashes)
        else:
            logger.warning("%s[%s] lost its process (%d): it runs again.", name, task_id, crashes)


def _crashed(row: tuple[Any, ...], error: str) -> int:
    task_id, claim, _ = row
    with fresh.cursor() as cursor:
        sessions.end(cursor, [claim])
    statement = crashed_statement("id = %s AND claim = %s")
    rows = fresh.execute(statement, [clean(error, ERROR_CHARACTERS), task_id, claim])
    log(rows)
    return len(rows)


def _crashed_before(task_id: str, publication: str, error: str) -> None:
    """Count the crash of a process that had taken a task, and had not claimed its row yet.

    Celery runs the project's own code there: uncounted, it would end one process after the other.
    """
    statement = crashed_statement("id = %s AND publication = %s", state=2)
    told = clean(f"{error}\n{NOT_CLAIMED}", ERROR_CHARACTERS)
    log(fresh.execute(statement, [told, task_id, publication]))
