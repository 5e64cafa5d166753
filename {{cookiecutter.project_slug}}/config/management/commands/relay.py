"""`manage.py relay`, which waits for the database and its migrations as every process does."""

import signal
import sys
from typing import Any

from config.readiness import wait_until_ready
from patterns.durable_tasks.management.commands import relay


class Command(relay.Command):
    """The pattern's relay. It waits for its broker by itself, as often as that goes away."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait, then publish until SIGTERM, which ends the wait too."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        wait_until_ready()
        super().handle(*args, **options)
