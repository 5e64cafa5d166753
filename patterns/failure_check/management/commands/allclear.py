"""`manage.py allclear`: is all clear? For people, cron, systemd and uptime monitors."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from ... import heartbeats, signs
from ...looking import look
from ...problem import one_line
from ...records import Found

ABANDONED = 130  # what a shell expects of a command that Ctrl-C has ended


class Command(BaseCommand):
    """Runs the checks here and now; it needs neither broker nor workers, beat or relay."""

    help = "Print 'All clear!', or each problem with what to do. Exits 0, or 1 on a problem."
    # They may import every task, and this must work beside one that cannot be imported.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """How to print it."""
        parser.add_argument("--json", action="store_true", help="print it as JSON")
        parser.add_argument(
            "--forget", metavar="NAME", help="forget a process that is gone: 'worker mail@host'"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print, and end with 1 where something is wrong. Tells nobody, changes no alarm.

        Ctrl-C ends it with 130.
        """
        try:
            if options["forget"]:
                self._forget(options["forget"])
            found = look()
        except KeyboardInterrupt:
            sys.exit(ABANDONED)
        self.stdout.write(as_json(found) if options["json"] else in_words(found))
        self.stdout.flush()
        if found.problems:
            sys.exit(1)

    def _forget(self, name: str) -> None:
        try:
            if name not in {sign.name for sign in signs.signs()}:
                raise CommandError(f"There is no heartbeat of {name!r}.")
            heartbeats.forget(name)
        except Error as error:
            raise CommandError(f"The database does not answer: {error}") from error


def in_words(found: Found) -> str:
    """Return the state for people."""
    if not found.problems:
        return "All clear!"
    lines = []
    for _, problem in _sorted(found):
        lines.append(f"{problem.severity.upper()} {one_line(problem.sentence)}")
        lines.append(f"    {one_line(problem.remedy)}")
    if found.unasked:
        lines.append(f"Not known now: what {', '.join(found.unasked)} would find.")
    return "\n".join(lines)


def as_json(found: Found) -> str:
    """Return the state for programs."""
    return json.dumps(
        {
            "is_all_clear": not found.problems,
            "problems": [asdict(problem) for _, problem in _sorted(found)],
            "unasked": found.unasked,
        }
    )


def _sorted(found: Found) -> list[Any]:
    return sorted(found.problems.values(), key=lambda each: (each[1].severity, each[1].name))
