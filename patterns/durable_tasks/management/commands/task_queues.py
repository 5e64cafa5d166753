"""`manage.py task_queues`: list, pause and resume the queues of durable tasks."""

import json
from dataclasses import asdict
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import pausing
from ...errors import QueueUnknown, TasksHeld


class Command(BaseCommand):
    """What is waiting where, and the switch to hold it."""

    help = "List, pause or resume the queues of durable tasks. A pause survives every restart."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and to which queues."""
        parser.add_argument(
            "action", nargs="?", default="list", choices=("list", "pause", "resume")
        )
        parser.add_argument("names", nargs="*", metavar="NAME", help="the queues")
        parser.add_argument("--all", action="store_true", help="pause or resume every known queue")
        parser.add_argument("--json", action="store_true", help="write the list as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then say how things are. Exit status 1 for a queue that is not known or held."""
        current: Any = current_app
        app = current._get_current_object()
        names = options["names"]
        if options["action"] != "list":
            if bool(names) == options["all"]:
                raise CommandError(f"Say which queues to {options['action']}, or --all.")
            switch = pausing.pause if options["action"] == "pause" else pausing.resume
            try:
                switch(app, *(names or pausing.known(app)))
            except (QueueUnknown, TasksHeld) as error:
                raise CommandError(str(error)) from error
        elif names or options["all"]:
            raise CommandError("list takes no names.")
        self._write(pausing.listed(app), options["json"])

    def _write(self, queues: list[pausing.Queue], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([asdict(queue) for queue in queues]))
            return
        for queue in queues:
            words = [word for word in ("paused", "full") if getattr(queue, f"is_{word}")]
            state = " and ".join(words) or "open"
            self.stdout.write(f"{queue.name:20} {state:16} {queue.rows:>12,} of {queue.cap:,}")
