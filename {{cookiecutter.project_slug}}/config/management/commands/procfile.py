"""Print the Procfile."""

from typing import Any

from django.core.management.base import BaseCommand

from config.processes import procfile


class Command(BaseCommand):
    """Prints the Procfile that follows from config/queues.py and config/processes.py."""

    help = "Prints the Procfile: manage.py procfile > Procfile"
    # It must work where a check complains about the Procfile.
    requires_system_checks: list[str] = []  # noqa: RUF012  as Django has it

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(procfile(), ending="")
