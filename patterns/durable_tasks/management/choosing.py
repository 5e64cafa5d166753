"""Which tasks a command is about, as its command line says."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from ..selection import Selection

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
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


def selection(options: dict[str, Any], **more: Any) -> Selection:
    """Return what the filters mean. Raises CommandError for what means nothing."""
    if options["text"] == "":  # a script's variable that is not set would mean all of them
        raise CommandError("--text is empty: say which text, or leave it out.")
    return Selection(
        ids=ids(options["ids"]) or None,
        name=options["task"],
        queue=options["queue"],
        since=moment(options["since"]),
        until=moment(options["until"]),
        text=options["text"],
        **more,
    )


def ids(given: list[str]) -> list[UUID]:
    """Return the ids. Raises CommandError for what is none."""
    try:
        return [UUID(each) for each in given]
    except ValueError as error:
        raise CommandError(f"An id is a UUID, as the list shows it: {error}.") from error


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


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MOST_LISTED:
        raise ArgumentTypeError(f"{text!r:.40} is not a number from 1 to {MOST_LISTED:,}")
    return number
