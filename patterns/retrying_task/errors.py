"""What a body raises to decide about its retry, and what is raised at a wrong definition."""


class PermanentError(Exception):
    """Trying again cannot help: the task fails at once."""

    is_permanent = True


class TransientError(Exception):
    """Trying again may help: the task is retried."""

    is_permanent = False


class TaskRefused(ValueError):
    """A task is defined in a way that could hang or end in silence."""
