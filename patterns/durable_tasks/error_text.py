"""An error as a row keeps it: text that PostgreSQL stores, of a bounded length."""

import traceback as tracebacks

ERROR_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 16_000  # its end says most


def words(error: BaseException) -> str:
    """Return an error as one reads it in a log."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a __str__ that raises must not hide the failure
        return type(error).__name__


def clean(text: str, characters: int) -> str:
    """Return text that PostgreSQL stores: no NUL, no lone surrogate, not too long."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:characters]


def stack(error: BaseException) -> str:
    """Return an error's traceback, cut."""
    return cut("".join(tracebacks.format_exception(error)))


def cut(trace: str) -> str:
    """Return the end of a traceback, cleaned."""
    return clean(trace[-TRACEBACK_CHARACTERS:], TRACEBACK_CHARACTERS)
