"""`manage.py relay`, which waits for the database and its migrations as every process does."""

import signal
import sys
from typing import Any

from config.celery import app
from config.celery_app import ProjectCelery
from config.readiness import wait_until_ready
from patterns.brokers.starting import end_if_another, refuse_another
from patterns.durable_tasks.management.commands import relay
from patterns.durable_tasks.relay import Relay
from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.watch import Watch


class Command(relay.Command):
    """The pattern's relay. It waits for its broker by itself, as often as that goes away.

    Where beat is silent, it runs the checks and tells of what is wrong. At a broker of another app
    or environment it ends; where only analytics' is another's, the shop's tasks go on.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait, then publish until SIGTERM, which ends the wait too."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self.heartbeats: dict[str, Heartbeat] = {}
        if not options["once"]:
            Watch("relay", instead_of="beat").start()
        refuse_another(app.guard)
        wait_until_ready()
        super().handle(*args, **options)

    def turned(self, relay: Relay) -> None:
        """Say that this app's relay lives: each in its own thread. End at another's broker."""
        app.guard.watch()
        end_if_another(app.guard)
        if isinstance(relay.app, ProjectCelery) and relay.app is not app:
            relay.app.guard.watch()
            if relay.app.guard.refusal is not None:
                relay.broker.close()  # each new connection is refused, and the log says why
        name = "relay" if relay.app is app else f"relay of {relay.app.main}"
        self.heartbeats.setdefault(name, Heartbeat(name)).write()
