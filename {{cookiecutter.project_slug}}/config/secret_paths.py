"""Log lines without what a path may hold: whoever reads a reset link can set the password."""

import logging
import re

# What stands behind these is a secret. Whole lines are searched, since Django, gunicorn and
# tracebacks each write a path in a form of their own, also one that leads to no view.
SECRET = re.compile(r"(/password/reset/)[^\s\"'<>\\]+")


class WithoutSecrets(logging.Formatter):
    """What a formatter has in front of it, to leave out the secret parts of paths."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback, with `...` for each secret."""
        return SECRET.sub(r"\1...", super().format(record))


class LineFormatter(WithoutSecrets):
    """Python's own, but for the secret parts of paths."""
