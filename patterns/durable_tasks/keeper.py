"""The thread that renews the lease of the running task, and arms what ends its process in time."""

import logging
import os
import threading
import time

from . import configuration, fresh
from .claim import Claim
from .watchdog import Watchdog

logger = logging.getLogger(__name__)

# Renewed after a third of a lease, and then tried four times before the watchdog acts.
RENEW_SHARE = 1 / 3
TICK_SHARE = 1 / 8
# After the hard time limit the parent has killed this process; where it has not, it is dead or
# frozen itself, and the lease is left to end.
GRACE_SECONDS = 10

_RENEW = """
UPDATE durable_tasks_task SET leased_until = now() + make_interval(secs => %s)
WHERE id = %s AND claim = %s AND state = 3 RETURNING 1
"""


class Keeper(threading.Thread):
    """One thread a process. It looks now and then, so that a short task does not wake it."""

    def __init__(self) -> None:
        """Start for this process."""
        super().__init__(name="durable_tasks lease", daemon=True)
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.current: Claim | None = None
        self.runs_in = 0  # the thread that keeps it
        self.renew_at = self.give_up_at = 0.0
        self.watchdog = Watchdog()  # touched under the lock alone
        self.misses = 0
        self.start()

    def keep(self, claim: Claim, for_seconds: float | None) -> bool:
        """Begin to renew, not longer than the task may take; False where the lease has ended."""
        lasting = float("inf") if for_seconds is None else for_seconds + GRACE_SECONDS
        with self.lock:
            if not self.watchdog.arm(claim.since):  # frozen between the claim and here
                return False
            self.renew_at = claim.since + configuration.lease_seconds() * RENEW_SHARE
            self.give_up_at = claim.since + lasting
            self.misses = 0
            self.current, self.runs_in = claim, threading.get_ident()
        return True

    def drop(self) -> None:
        """Renew no more."""
        with self.lock:
            self.current = None
            if self.watchdog.acts_soon():
                self.watchdog.disarm()

    def rest(self) -> None:
        """Disarm where no lease is held: what runs now may take as long as it likes."""
        with self.lock:
            if self.current is None:
                self.watchdog.disarm()

    def run(self) -> None:
        """Renew whatever has run for a third of a lease."""
        while True:
            time.sleep(configuration.lease_seconds() * TICK_SHARE)
            with self.lock:
                claim, now = self.current, time.monotonic()
                is_due = self.renew_at <= now <= self.give_up_at
            if claim is None:
                self.rest()
            elif is_due:
                self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        since = time.monotonic()
        is_ours = _renew(claim)
        with self.lock:
            # Under the lock: the run may have ended meanwhile and disarmed it.
            if self.current is not claim or is_ours is None:
                return
            if is_ours:
                return self._arm_again(since)
            self.misses += 1
            is_lost = self.misses == 2  # at first it may be that the run has ended just now
        if is_lost:
            logger.error("%s[%s] was taken over while it ran here.", claim.name, claim.id)

    def _arm_again(self, since: float) -> None:
        """Put the watchdog off; where it gets no thread, try again at the next look."""
        try:
            self.watchdog.arm(since)
            self.renew_at = since + configuration.lease_seconds() * RENEW_SHARE
        except Exception as error:  # else nothing would renew in this process any more
            logger.error("No watchdog ends this process with its lease: %s", error)


def _renew(claim: Claim) -> bool | None:
    """Tell whether the row is still ours; None where the database does not say."""
    try:
        values = [configuration.lease_seconds(), claim.id, claim.token]
        return bool(fresh.execute(_RENEW, values))
    except Exception as error:
        logger.warning("The lease of %s[%s] was not renewed: %s", claim.name, claim.id, error)
        return None
