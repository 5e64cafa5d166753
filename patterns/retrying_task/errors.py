"""What a body raises to decide about its retry, and what is raised at a wrong definition."""

from typing import NoReturn


class PermanentError(Exception):
    """Trying again cannot help: the task fails at once."""

    is_permanent = True


class TransientError(Exception):
    """Trying again may help: the task is retried."""

    is_permanent = False


class TaskRefused(ValueError):
    """A task is defined in a way that could hang or end in silence."""


def end_unless_signalled(stop: SystemExit) -> NoReturn:
    """Turn a body's `sys.exit()` into a failure; let the pool's own end of the process pass.

    Unanswered, SystemExit ends the process, and the task is run again as if it had crashed. The
    pool ends its processes with a negative code.
    """
    if isinstance(stop.code, int) and stop.code < 0:
        raise stop
    raise PermanentError(f"The task called sys.exit({stop.code!r}).") from stop
