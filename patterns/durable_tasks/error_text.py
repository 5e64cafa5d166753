"""Errors, names and people as a row keeps them: text that PostgreSQL stores, of bounded length."""

import traceback as tracebacks

ERROR_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 16_000  # its end says most
NAME_CHARACTERS = 500  # what PostgreSQL's index takes
BY_CHARACTERS = 200  # of who asked


def words(error: BaseException) -> str:
    """Return an error as one reads it in a log."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a __str__ that raises must not hide the failure
        return type(error).__name__


def clean(text: str, characters: int) -> str:
    """Return text that PostgreSQL stores: no NUL, no lone surrogate, not too long."""
    shown = _shown(text)
    return shown if len(shown) <= characters else shown[: characters - 1] + "…"


def stack(error: BaseException) -> str:
    """Return an error's traceback, cut."""
    return cut("".join(tracebacks.format_exception(error)))


def cut(trace: str) -> str:
    """Return the end of a traceback, cleaned."""
    return _shown(trace)[-TRACEBACK_CHARACTERS:]


def _shown(text: str) -> str:
    """Return text with what PostgreSQL does not take written as Python writes it."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
