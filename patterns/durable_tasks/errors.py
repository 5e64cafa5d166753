"""What is refused, and what ends a run. Each message names the culprit and the remedy."""


class NotKept(TypeError):
    """Celery offers it and a durable task cannot keep it; the message names what to use instead."""


class ArgumentsRefused(ValueError):
    """Arguments that are too large, or are not JSON."""


class QueueFull(Exception):
    """A queue that is set to refuse has as many rows as it may have. Later it may take more."""

    is_permanent = False


class OtherDatabase(Exception):
    """A transaction is open, but not on the database that holds the rows."""


class ClaimLost(Exception):
    """Somebody else owns the outcome of this run: whatever is open rolls back."""


class TaskEnded(Exception):
    """What would have ended the process (MemoryError, SystemExit) as an ordinary failure."""

    is_permanent = True


class CompletingMisused(RuntimeError):
    """A task that cannot end here: it is atomic or has ended, or nothing of it would be committed.

    As in a transaction of the caller's own, or with autocommit off.
    """


class TasksHeld(Exception):
    """Another transaction holds what a person wants to change, and does not end: try again."""

    is_permanent = False


class QueueUnknown(LookupError):
    """A queue that nothing declares and no task is in: a typo, in most cases."""
