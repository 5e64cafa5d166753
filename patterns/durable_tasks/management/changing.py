"""A change of many tasks: agreed to, told of while it goes on, and where it was broken off."""

import getpass
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db import InterfaceError, OperationalError

from ..errors import TasksHeld
from ..selection import Selection
from ..terminal import ABANDONED, counted, first_line, say
from ..walking import Progress

# What is fewer is done before anybody looks.
PROGRESS_FROM = 2000

Done = TypeVar("Done", covariant=True)


class Change(Protocol[Done]):
    """What is done to all that a selection means, some thousand at a time."""

    def __call__(self, chosen: Selection, /, *, by: str, progress: Progress) -> Done:
        """Return what was done."""
        ...


def add_consent(parser: CommandParser) -> None:
    """Add what goes with a change of many."""
    parser.add_argument("--all", action="store_true", help="all of them; else filters or ids")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--yes", action="store_true", help="do not ask, on a terminal")
    parser.add_argument("--by", default="", metavar="WHO", help="for the history; else you")


def refuse_unless_all_are_meant(chosen: Selection, options: dict[str, Any]) -> None:
    """Raise CommandError where no task is named, and `--all` is not either; or both are."""
    if chosen.is_everything() != options["all"]:
        raise CommandError(f"Say which tasks to {options['action']}: ids, filters, or --all.")


def refuse_unless_agreed(total: int, options: dict[str, Any]) -> None:
    """Raise CommandError where somebody at a terminal does not want so many to be changed."""
    question = f"{options['action'].capitalize()} {counted(total)}?"
    if total > 1 and not options["yes"] and not _agreed(question):
        raise CommandError("Nothing was done.")


def carried_out(
    change: Change[Done],
    chosen: Selection,
    *,
    by: str,
    total: int,
    word: str,
    stopped: Callable[[], str],
    stderr: OutputWrapper,
) -> Done:
    """Change them, and tell how far it is; return what the change does.

    Raises CommandError where it breaks off: whole thousands are done. Ctrl-C undoes what was under
    way, says what `stopped` returns, and exits.
    """
    done = 0

    def progress(count: int) -> None:
        nonlocal done
        done = count
        if total >= PROGRESS_FROM:
            say(stderr, f"{count:,} of {total:,} {word}")

    try:
        return change(chosen, by=person(by), progress=progress)
    except TasksHeld as error:
        raise CommandError(str(error)) from error
    except (OperationalError, InterfaceError) as error:
        raise _broken_off(done, total, word, error) from error
    except KeyboardInterrupt:
        say(stderr, f"Stopped: of {counted(total)}, {stopped()}.")
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


def _agreed(question: str) -> bool:
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


def _broken_off(done: int, total: int, word: str, error: Exception) -> CommandError:
    """Return what a person hears of a database that was lost in the middle of a change of many."""
    # Whether the thousand under way was committed, a lost connection does not tell.
    return CommandError(
        f"The database broke off: {done:,} of {counted(total)} or a thousand more are {word}, and"
        f" the rest is as it was. Ask for it again once the database is back: {first_line(error)}"
    )
