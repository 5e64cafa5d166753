"""`manage.py relay`: publish durable tasks to the broker."""

import os
import signal
import threading
from itertools import chain
from typing import Any

from django.core.checks import ERROR
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import other_apps
from ...checks.database import wrong_database
from ...checks.settings import wrong_queues, wrong_settings
from ...relay import Relay

# What is stuck in a call that nothing interrupts, a frozen database's for one, is not waited for.
END_SECONDS = 0.7


class Command(BaseCommand):
    """The process that hands due tasks to Celery's broker. Any number may run."""

    help = "Publish due durable tasks to the broker, until SIGTERM or Ctrl-C."
    # Django's checks may import every task, and a relay must start beside one that cannot be.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which queues, and whether to stay."""
        parser.add_argument("--queues", default="", help="only these, separated by commas")
        parser.add_argument(
            "--once",
            action="store_true",
            help="do one turn and end; 1 if a broker is away or refuses",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the relay."""
        # Everything in flight is leased, so it may end wherever it is.
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, _end)
        _refuse_wrong_settings()
        queues = [name.strip() for name in options["queues"].split(",") if name.strip()]
        try:
            relays = other_apps.relays(queues)
        except ImportError as error:
            raise CommandError(f"DURABLE_TASKS_OTHER_APPS: {error}") from error
        if options["once"]:
            published = sum(self._once(relay) for relay in relays)
            self.stdout.write(f"{published} messages published.")
            return
        self.stderr.write("relay: publishing")
        other_apps.run(relays, self.turned)

    def turned(self, relay: Relay) -> None:
        """Do nothing: a project's own command may tell here that the relay lives."""

    def _once(self, relay: Relay) -> int:
        # What a turn promotes or discovers, the next one publishes.
        published = 0
        is_first = has_more = True
        while (has_more or is_first) and relay.outage is None:
            is_first = False
            count, has_more = relay.turn()
            published += count
        if relay.outage is not None:
            raise CommandError(f"The broker is away: {relay.outage.__cause__ or relay.outage}")
        for queue, error in relay.refused.items():
            raise CommandError(f"Queue {queue} cannot be published to: {error.__cause__ or error}")
        return published


def _refuse_wrong_settings() -> None:
    found = chain(wrong_settings(), wrong_database(), wrong_queues())
    if errors := [str(each) for each in found if each.level >= ERROR]:
        raise CommandError("\n".join(errors))


def _end(*_: Any) -> None:
    timer = threading.Timer(END_SECONDS, os._exit, [0])
    timer.daemon = True
    timer.start()
    raise SystemExit(0)
