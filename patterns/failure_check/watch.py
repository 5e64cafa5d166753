"""The thread that lets the checks run, in beat and in whatever stands by for it.

No task: a task would wait in the queue that it should report on.
"""

import logging
import os
import platform
import threading
import time

from . import configuration, heartbeats, kept_in_database, run
from .bounded import in_time, line

logger = logging.getLogger(__name__)

# How often it is looked whether a run is due: six times in a period, so that none comes late.
LOOKS_A_PERIOD = 6
LONGEST_PAUSE_SECONDS = 10.0
# A claim is one statement by a key.
CLAIM_SECONDS = 6.0
# Once may be a restart of a second or two.
FAILURES_UNTIL_AWAY = 2


class Watch:
    """Runs the checks each period, in one process of all that have a Watch.

    `Watch("beat").start()`; another process stands by: `Watch("relay", instead_of="beat")`. Crash:
    the stand-by goes on. Duplicate: one claims each run. With the database away each machine checks
    for itself, and tells from its own file.
    """

    def __init__(self, name: str, instead_of: str = "") -> None:
        """Do nothing until started."""
        self.by = f"{name}@{platform.node()}:{os.getpid()}"
        self.instead_of = instead_of
        self._failures = 0

    def start(self) -> None:
        """Run in a thread that ends with its process."""
        threading.Thread(target=self._run, name="failure check", daemon=True).start()

    def turn(self) -> None:
        """Make the run that is due, if it is this process's. Raises nothing for an outage."""
        try:
            at = in_time("alarms' run, claimed", self._claim, CLAIM_SECONDS)
        except Exception as error:
            self._failures += 1
            logger.info("The alarms' database does not answer: %s", line(error))
            if self._failures >= FAILURES_UNTIL_AWAY:
                run.without_database()
            return
        self._failures = 0
        if at is not None:
            run.with_database(self.by, at)

    def _claim(self) -> object:
        run.adopt()
        silence = heartbeats.longest_silence(self.instead_of)
        at = kept_in_database.claim(self.by, self.instead_of, silence)
        # Once an outage, when it is over: while it seems to last, this would hide every silence.
        if self._failures:
            kept_in_database.resume()
        return at

    def _run(self) -> None:
        while True:
            try:
                self.turn()
            except Exception:
                logger.exception("The checks did not run; they are tried again.")
            pause = configuration.period_seconds() / LOOKS_A_PERIOD
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS))
