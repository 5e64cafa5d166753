"""Keep the lease of the running task, and end this process before a lease ends that it lost.

The process may be frozen, or hold the interpreter's lock in C code for minutes, so what ends it is
a thread in C (`faulthandler`), which needs neither and leaves a traceback.
"""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery.exceptions import Ignore

from . import configuration, fresh
from .claim import Claim

logger = logging.getLogger(__name__)

# The process has ended before anybody else may start the task.
MARGIN_SHARE = 0.1
# Renewed after a third of a lease, and then tried four times before the watchdog acts.
RENEW_SHARE = 1 / 3
TICK_SHARE = 1 / 8
# After the hard time limit the parent has killed this process; where it has not, it is dead or
# frozen itself, and the lease is left to end.
GRACE_SECONDS = 10
# The real one: Celery replaces sys.stderr with a logger, which has no file.
STDERR = 2

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
        self.renew_at = self.give_up_at = 0.0
        self.misses = 0
        self.start()

    def keep(self, claim: Claim, for_seconds: float | None) -> None:
        """Begin to renew; not longer than the task may take."""
        lasting = float("inf") if for_seconds is None else for_seconds + GRACE_SECONDS
        with self.lock:
            self.renew_at = claim.since + configuration.lease_seconds() * RENEW_SHARE
            self.give_up_at = claim.since + lasting
            self.misses = 0
            self.current = claim

    def drop(self) -> None:
        """Renew no more."""
        with self.lock:
            self.current = None
            faulthandler.cancel_dump_traceback_later()

    def run(self) -> None:
        """Renew whatever has run for a third of a lease."""
        while True:
            time.sleep(configuration.lease_seconds() * TICK_SHARE)
            with self.lock:
                claim, now = self.current, time.monotonic()
                is_due = self.renew_at <= now <= self.give_up_at
            if claim is not None and is_due:
                self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        since = time.monotonic()
        is_ours = _renew(claim)
        with self.lock:
            # Under the lock: the run may have ended meanwhile and disarmed it.
            if self.current is not claim or is_ours is None:
                return
            if is_ours:
                self.renew_at = since + configuration.lease_seconds() * RENEW_SHARE
                arm(since)
                return
            self.misses += 1
            is_lost = self.misses == 2  # at first it may be that the run has ended just now
        if is_lost:
            logger.error("%s[%s] was taken over while it ran here.", claim.name, claim.id)


def arm(since: float) -> bool:
    """End this process shortly before a lease taken at `since` ends; False where it has ended."""
    lasting = configuration.lease_seconds() * (1 - MARGIN_SHARE)
    seconds = lasting - (time.monotonic() - since)
    if seconds > 0:
        faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
    return seconds > 0


@contextmanager
def kept(claim: Claim, time_limit: float | None) -> Iterator[None]:
    """Hold the lease of a claim that was made just now, until the block ends."""
    keeper = _keeper()
    if not arm(claim.since):  # frozen between the claim and here
        raise Ignore(f"The lease of {claim.name}[{claim.id}] ended before its body began.")
    try:
        keeper.keep(claim, time_limit)
        yield
    finally:
        keeper.drop()


_keepers: list[Keeper] = []


def _keeper() -> Keeper:
    """Return this process's thread: a fork has none of its parent's."""
    if not _keepers or _keepers[-1].pid != os.getpid():
        _keepers[:] = [Keeper()]
    return _keepers[-1]


def _renew(claim: Claim) -> bool | None:
    """Tell whether the row is still ours; None where the database does not say."""
    try:
        values = [configuration.lease_seconds(), claim.id, claim.token]
        return bool(fresh.execute(_RENEW, values))
    except Exception as error:
        logger.warning("The lease of %s[%s] was not renewed: %s", claim.name, claim.id, error)
        return None
