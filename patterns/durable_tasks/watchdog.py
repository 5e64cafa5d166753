"""End this process shortly before its lease ends, whatever it is doing.

It may be frozen, or hold the interpreter's lock in C code for minutes, so what ends it is a thread
in C (`faulthandler`), which needs neither and leaves a traceback.
"""

import faulthandler
import time

from . import configuration

# The process has ended before anybody else may start the task.
MARGIN_SHARE = 0.1
# Starting the watchdog's thread takes longer than most of what else is done for a short task. So it
# is left armed between tasks, and one that would act so much sooner than need be serves the next.
EARLY_SHARE = 0.05
# An idle process is disarmed at the next tick; at the end of a task, if that might be too late.
IDLE_SHARE = 0.5
# The real one: Celery replaces sys.stderr with a logger, which has no file.
STDERR = 2


class Watchdog:
    """The one of this process, which its lease's keeper arms."""

    acts_at = 0.0  # 0: not known to be armed

    def arm(self, since: float) -> bool:
        """End this process shortly before a lease taken at `since` ends; False where it has."""
        now, lease = time.monotonic(), configuration.lease_seconds()
        acts_at = since + lease * (1 - MARGIN_SHARE)
        if acts_at <= now:
            return False
        if not acts_at - lease * EARLY_SHARE <= self.acts_at <= acts_at:
            self.acts_at = 0.0  # a soft time limit may strike between any two lines
            faulthandler.dump_traceback_later(acts_at - now, exit=True, file=STDERR)
            self.acts_at = acts_at
        return True

    def acts_soon(self) -> bool:
        """Tell whether an idle process might not be disarmed in time by the keeper's next look."""
        return self.acts_at - time.monotonic() < configuration.lease_seconds() * IDLE_SHARE

    def disarm(self) -> None:
        """Let this process take as long as it likes."""
        self.acts_at = 0.0
        faulthandler.cancel_dump_traceback_later()
