"""What a terminal shows: tables, times, and the text of tasks, which may hold commands to it."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.core.management.base import CommandError, OutputWrapper
from django.db import InterfaceError, OperationalError
from django.utils import timezone

CELL_CHARACTERS = 60
ABANDONED = 130  # as a shell has it for Ctrl-C


@contextmanager
def talking() -> Iterator[None]:
    """Tell in a line that the database does not answer, and show what a terminal cannot as \\x..

    Ctrl-C ends it as a shell expects.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise CommandError(f"The database does not answer: {first_line(error)}") from error
    except KeyboardInterrupt:
        sys.exit(ABANDONED)


def say(stderr: OutputWrapper, words: str) -> None:
    """Tell a person; programs read the other stream. Not in the red of errors."""
    stderr.write(words, lambda text: text)


def first_line(error: Exception) -> str:
    """Return the beginning of what a database says, without its advice."""
    return printable(str(error).partition("\n")[0])


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return lines in columns, each as wide as it must be, and none wider than is good."""
    cells = [[printable(each, CELL_CHARACTERS) for each in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def printable(text: str, characters: int | None = None) -> str:
    """Return text that a terminal only shows: a task's name or error may hold commands to it."""
    if characters is not None:
        text = text if len(text) <= characters else text[: characters - 1] + "…"
        text = text.replace("\n", " ")
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def when(point: datetime | None) -> str:
    """Return a time as people read it, in the project's zone."""
    return "" if point is None else f"{timezone.localtime(point):%Y-%m-%d %H:%M:%S}"


def zone() -> str:
    """Return the name of the project's zone, in which times are shown."""
    return timezone.get_current_timezone_name()


def counted(number: int, what: str = "task") -> str:
    """Return "1 task", "12,000 tasks"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
