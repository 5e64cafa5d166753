"""What the commands say on a terminal, and what they read from one."""

import getpass
import io
import os
import re
import socket
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from .selection import Selection

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
CELL_CHARACTERS = 60
# What is fewer is done before anybody looks.
PROGRESS_FROM = 2000
ABANDONED = 130  # as a shell has it for Ctrl-C
# A list is made in memory, and read by somebody.
MOST_LISTED = 1_000_000


def add_filters(parser: CommandParser, dated: str) -> None:
    """Add what narrows a selection down; all of it must hold."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="these tasks")
    parser.add_argument("--task", metavar="NAME", help="of this task")
    parser.add_argument("--queue", metavar="NAME", help="of this queue")
    parser.add_argument("--since", metavar="WHEN", help=f"{dated} then or later: 30m, 2h, 1d, ISO")
    parser.add_argument("--until", metavar="WHEN", help=f"{dated} then or before")
    parser.add_argument("--text", help="with this in task, error or redacted arguments")


def add_limit(parser: CommandParser) -> None:
    """Add how many a list has at most."""
    parser.add_argument("--limit", type=_limit, default=50, help="default: 50")


def add_consent(parser: CommandParser) -> None:
    """Add what goes with a change of many."""
    parser.add_argument("--all", action="store_true", help="all of them; else filters or ids")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--yes", action="store_true", help="do not ask, on a terminal")
    parser.add_argument("--by", default="", metavar="WHO", help="for the history; else you")


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


def broken_off(done: int, total: int, what: str, error: Exception) -> CommandError:
    """Return what a person hears of a database that was lost in the middle of a change of many."""
    # Whether the thousand under way was committed, a lost connection does not tell.
    return CommandError(
        f"The database broke off: {done:,} of {counted(total)} or a thousand more are {what}, and"
        f" the rest is as it was. Ask for it again once the database is back: {first_line(error)}"
    )


def first_line(error: Exception) -> str:
    """Return the beginning of what a database says, without its advice."""
    return printable(str(error).partition("\n")[0])


def selection(options: dict[str, Any], **more: Any) -> Selection:
    """Return what the filters mean. Raises CommandError for what means nothing."""
    try:
        ids = [UUID(each) for each in options["ids"]]
    except ValueError as error:
        raise CommandError(f"An id is a UUID, as the list shows it: {error}.") from error
    if options["text"] == "":  # a script's variable that is not set would mean all of them
        raise CommandError("--text is empty: say which text, or leave it out.")
    return Selection(
        ids=ids or None,
        name=options["task"],
        queue=options["queue"],
        since=moment(options["since"]),
        until=moment(options["until"]),
        text=options["text"],
        **more,
    )


def moment(text: str | None) -> datetime | None:
    """Return a point in time: so long ago (30m, 2h, 1d), or ISO 8601 (no zone: the project's)."""
    if text is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,9})([smhdw])", text):
            seconds = int(ago[1]) * SECONDS[ago[2]]
            return datetime.now(UTC) - timedelta(seconds=seconds)
        point = datetime.fromisoformat(text)
        # In UTC: not every date of another zone is one there, or in the database.
        return (point if point.tzinfo else timezone.make_aware(point)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"{text!r} is no time: say how long ago (30m, 2h, 1d), or a date as 2026-01-31T14:00."
        ) from error


def agreed(question: str) -> bool:
    """Ask, where there is somebody to answer; a script has said what it wants. Ctrl-C exits."""
    if not sys.stdin.isatty():
        return True
    # Not by input(): what a command writes may go to a file, and nobody would see the question.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
    except KeyboardInterrupt:
        sys.stderr.write("\nNothing was done.\n")
        sys.exit(ABANDONED)


def person(given: str) -> str:
    """Return who it was: as given, else the account and the machine."""
    if given:
        return given
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        account = str(os.getuid())
    return f"{account} on {socket.gethostname()}"


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


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MOST_LISTED:
        raise ArgumentTypeError(f"{text!r:.40} is not a number from 1 to {MOST_LISTED:,}")
    return number
