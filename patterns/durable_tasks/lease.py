"""Keep the lease of the running task, and end this process before a lease ends that it lost.

The process may be frozen, or hold the interpreter's lock in C code for minutes, so what ends it is
a thread in C (`faulthandler`), which needs neither and leaves a traceback.
"""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import configuration, fresh
from .claim import Claim

logger = logging.getLogger(__name__)

# The process has ended before anybody else may start the task.
MARGIN_SHARE = 0.1
# After the hard time limit the parent has killed this process; where it has not, it is dead or
# frozen itself, and the lease is left to end.
GRACE_SECONDS = 10

_RENEW = """
UPDATE durable_tasks_task SET leased_until = now() + make_interval(secs => %s)
WHERE id = %s AND claim = %s AND state = 3 RETURNING 1
"""


class Keeper(threading.Thread):
    """One thread a process, which renews what runs; idle while nothing runs for long."""

    def __init__(self) -> None:
        """Start for this process."""
        super().__init__(name="durable_tasks lease", daemon=True)
        self.pid = os.getpid()
        self.condition = threading.Condition()
        self.current: Claim | None = None
        self.renew_at = self.give_up_at = 0.0
        self.start()

    def keep(self, claim: Claim, for_seconds: float | None) -> None:
        """Begin to renew; not longer than the task may take."""
        now = time.monotonic()
        with self.condition:
            self.current = claim
            self.renew_at = now + configuration.lease_seconds() / 3
            self.give_up_at = now + (for_seconds or float("inf")) + GRACE_SECONDS
            self.condition.notify()

    def drop(self) -> None:
        """Renew no more."""
        with self.condition:
            self.current = None

    def run(self) -> None:
        """Renew whatever has run for a third of a lease."""
        while True:
            with self.condition:
                if self.current is None:
                    self.condition.wait()
                    continue
                wait = self.renew_at - time.monotonic()
                if wait > 0:
                    self.condition.wait(wait)
                    continue
                claim = self.current
                self.renew_at = time.monotonic() + configuration.lease_seconds() / 3
                is_over = time.monotonic() > self.give_up_at
            if not is_over and _renew(claim):
                with self.condition:
                    # Under the lock: the run may have ended meanwhile and disarmed it.
                    if self.current is claim:
                        arm()


def arm() -> None:
    """End this process shortly before a lease taken now ends."""
    seconds = configuration.lease_seconds() * (1 - MARGIN_SHARE)
    # The real stderr: Celery replaces sys.stderr with a logger, which has no file.
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or sys.stderr)


@contextmanager
def kept(claim: Claim, time_limit: float | None) -> Iterator[None]:
    """Hold the lease of a claim that was made just now, until the block ends."""
    arm()
    keeper = _keeper()
    keeper.keep(claim, time_limit)
    try:
        yield
    finally:
        keeper.drop()
        faulthandler.cancel_dump_traceback_later()


_keepers: list[Keeper] = []


def _keeper() -> Keeper:
    """Return this process's thread: a fork has none of its parent's."""
    if not _keepers or _keepers[-1].pid != os.getpid():
        _keepers[:] = [Keeper()]
    return _keepers[-1]


def _renew(claim: Claim) -> bool:
    try:
        rows = fresh.execute(_RENEW, [configuration.lease_seconds(), claim.id, claim.token])
    except Exception as error:
        logger.warning("The lease of %s[%s] was not renewed: %s", claim.name, claim.id, error)
        return False
    if not rows:
        logger.error("%s[%s] was taken over while it ran here.", claim.name, claim.id)
    return bool(rows)
