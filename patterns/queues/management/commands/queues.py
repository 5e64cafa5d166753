"""`manage.py queues`: list the queues, or print the processes as a platform wants them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import checks, configuration
from ...deployment import FORMS, Target
from ...queue import Queue

COLUMNS = ("queue", "pool", "runs", "late after", "cap", "at cap", "outside", "why")


class Command(BaseCommand):
    """The queues that are declared, and all processes of the project."""

    help = (
        "List the queues with what is wrong with them, or print all processes for a platform:"
        " `queues --format procfile > Procfile` after a change of the list of queues."
        " Exit status: 0 all is well, or printed; 1 something is wrong."
    )
    # It must work where a check complains about the Procfile, and it shows them itself.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What to print, and for which place."""
        parser.add_argument("--json", action="store_true", help="list them as JSON")
        abouts = "; ".join(f"{name}: {form.about}" for name, form in FORMS.items())
        parser.add_argument("--format", choices=FORMS, help=f"print all processes. {abouts}")
        parser.add_argument(
            "--into", type=Path, metavar="FOLDER", help="write the files there, instead of printing"
        )
        parser.add_argument("--name", help="what services and units are called (QUEUES_NAME)")
        parser.add_argument("--image", help="the containers' image (default: NAME:latest)")
        parser.add_argument(
            "--directory", help="where systemd finds the project and its .venv (/srv/NAME)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """List, or print, and end with 1 where something is wrong."""
        if options["format"]:
            self._print_form(options)
        else:
            self._list(is_json=options["json"])

    def _print_form(self, options: dict[str, Any]) -> None:
        try:
            target = Target(
                name=options["name"] or configuration.name(),
                image=options["image"] or "",
                directory=options["directory"] or "",
            )
            files = FORMS[options["format"]].files(configuration.processes(), target)
        except ValueError as error:
            raise CommandError(str(error)) from error
        for name, text in files.items():
            if options["into"]:
                (options["into"] / name).write_text(text, encoding="utf-8")
                self.stdout.write(str(options["into"] / name))
            else:
                title = f"# ---- {name}\n" if len(files) > 1 else ""
                self.stdout.write(title + text, ending="")

    def _list(self, *, is_json: bool) -> None:
        try:
            queues = configuration.queues()
        except ValueError as error:
            raise CommandError(str(error)) from error
        problems = [each for each in checks.check_queues() if not each.is_silenced()]
        self.stdout.write(as_json(queues, problems) if is_json else in_words(queues, problems))
        self.stdout.flush()
        if problems:
            sys.exit(1)


def in_words(queues: Sequence[Queue], problems: Sequence[CheckMessage]) -> str:
    """Return the list for people: what each queue is, then how its worker is run."""
    rows = [COLUMNS, *(row(queue) for queue in queues)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{text:<{width}}" for text, width in zip(each, widths, strict=True)).rstrip()
        for each in rows
    ]
    longest = max((len(queue.process) for queue in queues), default=0)
    lines += ["", *(f"{queue.process:<{longest}}  {queue.command}" for queue in queues)]
    for problem in problems:
        lines += ["", f"{problem.id}: {problem.msg}", f"    {problem.hint}"]
    return "\n".join(lines)


def row(queue: Queue) -> tuple[str, ...]:
    """Return what a line says of a queue."""
    return (
        queue.name,
        queue.pool,
        str(queue.concurrency),
        f"{queue.latency_seconds:g} s",
        f"{queue.cap:,}",
        queue.at_cap,
        "yes" if queue.calls_outside else "no",
        queue.why,
    )


def as_json(queues: Sequence[Queue], problems: Sequence[CheckMessage]) -> str:
    """Return the list for programs."""
    parts = (
        *("name", "why", "app", "pool", "concurrency", "latency_seconds", "cap", "at_cap"),
        *("calls_outside", "task_memory_mb", "process", "command"),
    )
    return json.dumps(
        {
            "queues": [{part: getattr(queue, part) for part in parts} for queue in queues],
            "problems": [
                {"id": each.id, "message": str(each.msg), "hint": str(each.hint)}
                for each in problems
            ],
        },
        indent=2,
    )
