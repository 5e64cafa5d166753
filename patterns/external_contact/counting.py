"""The number of contacts, for a project's metrics."""

import mmap
import os
from threading import get_ident

# One for each thread, nearly: two of them seldom share one, and no lock is held within the hook.
SLOTS = 1024


class SharedCount:
    """A number to which all processes add that were forked after it was made.

    A crash of one of them loses nothing of it. It begins at 0 with the process that made it.
    """

    def __init__(self) -> None:
        """Begin at 0, in memory that a fork shares."""
        self._slots = memoryview(mmap.mmap(-1, SLOTS * 8)).cast("Q")

    def add(self) -> None:
        """Add 1."""
        self._slots[hash((os.getpid(), get_ident())) % SLOTS] += 1

    def total(self) -> int:
        """Return the sum over all processes."""
        return sum(self._slots)


contacts = SharedCount()


def total() -> int:
    """Return how often requests have contacted what they should not; mode "log" alone counts."""
    return contacts.total()
