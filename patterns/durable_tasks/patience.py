"""Write in a bounded time, from where nothing may wait: a worker's main process, and beat."""

import logging
import threading
import time
from collections.abc import Callable

from . import fresh

logger = logging.getLogger(__name__)

# A database that did not answer in time is not asked again so soon: many may be lost at once.
REST_SECONDS = 10
# So much longer than one statement may wait, for its connection and its answer: else one row that
# is locked would count as a database that is frozen, and what others write then would be lost.
ANSWER_SECONDS = 1
_rests_until = [0.0]


def in_time(write: Callable[[], object], task: str, otherwise: str) -> bool:
    """Write in a thread, four seconds at most: nothing else bounds a database that is frozen.

    Returns whether it was written in time; where it was not, the log has `task` and what happens
    `otherwise`. Raises nothing.
    """
    if time.monotonic() < _rests_until[0]:
        logger.error("The database did not answer just now: %s %s.", task, otherwise)
        return False
    done: list[bool] = []

    def attempt() -> None:
        try:
            write()
            done.append(True)
        except Exception:
            logger.exception("%s %s.", task, otherwise)

    thread = threading.Thread(target=attempt, name="durable_tasks recovery", daemon=True)
    thread.start()
    thread.join(fresh.PATIENCE_SECONDS + ANSWER_SECONDS)
    if thread.is_alive():
        _rests_until[0] = time.monotonic() + REST_SECONDS
        logger.error("The database does not answer: %s %s.", task, otherwise)
    return bool(done)
