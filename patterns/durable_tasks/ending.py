"""A beat that is told to end does so, whatever its database does.

The handler of SIGTERM raises, and what is open is rolled back: on a database that is frozen, that
waits for as long as the database does.
"""

import logging
import os
import signal
import threading
from types import FrameType

logger = logging.getLogger(__name__)

# Enough for a last write; supervisors kill after five (honcho) or ten seconds (Docker).
PATIENCE_SECONDS = 3.0


def end_in_time(patience_seconds: float = PATIENCE_SECONDS) -> None:
    """From now on, end this process so long after SIGTERM at the latest; else as before.

    Only in a process' main thread, which is where signals are handled. An open transaction is
    rolled back by the server, as after a crash.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(patience_seconds, _end_now)
        timer.daemon = True  # an orderly end does not wait for it
        timer.start()
        if callable(before):
            before(number, frame)
        else:
            raise SystemExit

    signal.signal(signal.SIGTERM, end)


def _end_now() -> None:
    logger.warning("Ended without the database, which does not answer.")
    os._exit(0)
