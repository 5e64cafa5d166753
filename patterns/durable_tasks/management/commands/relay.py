"""`manage.py relay`: publish durable tasks to the broker."""

import signal
import sys
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandParser

from ...relay import Relay


class Command(BaseCommand):
    """The process that hands due tasks to Celery's broker. Any number may run."""

    help = "Publish due durable tasks to the broker, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which queues, and whether to stay."""
        parser.add_argument("--queues", default="", help="only these, separated by commas")
        parser.add_argument("--once", action="store_true", help="do one turn and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the relay."""
        # Everything in flight is leased, so it may end wherever it is.
        signal.signal(signal.SIGTERM, _end)
        queues = [name.strip() for name in options["queues"].split(",") if name.strip()]
        relay = Relay(current_app._get_current_object(), queues)
        if options["once"]:
            self.stdout.write(f"{relay.turn()} messages published.")
            return
        self.stderr.write("relay: publishing")
        try:
            relay.run()
        except KeyboardInterrupt:
            sys.exit(0)


def _end(*_: Any) -> None:
    raise SystemExit(0)
