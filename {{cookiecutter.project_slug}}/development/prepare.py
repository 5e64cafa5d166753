"""Prepare the database of a start: migrations, and a staff user to log in with.

`start.py` runs it as a process of its own, so that Django's memory is given back. It shows its
progress as it goes and writes what came of it, as JSON, to the file that it is given.
"""

import argparse
import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import DatabaseError
from django.db.models.signals import pre_migrate

from development.environment import write_private

STAFF_EMAIL = "staff@example.com"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What came of it; the password is None where the staff user keeps the one it has."""

    migrations: int
    staff_email: str
    staff_password: str | None


def main() -> None:
    """Prepare, or end with one line on what failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--reset-staff-password", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    migrations = migrate()
    email = os.environ.get("STAFF_EMAIL") or STAFF_EMAIL
    password = staff_password(email, reset=options.reset_staff_password)
    prepared = Prepared(migrations=migrations, staff_email=email, staff_password=password)
    write_private(options.result, json.dumps(asdict(prepared)))


class Migrate(MigrateCommand):
    """`manage.py migrate` with a line for ten migrations instead of one for each."""

    total = done = 0

    def migration_progress_callback(self, action: str, *_: Any, **__: Any) -> None:
        """Count what is applied."""
        if action == "apply_success":
            self.done += 1
            if self.done % 10 == 0 or self.done == self.total:
                print(f"migrations: {self.done} of {self.total} applied", flush=True)

    def begin(self, plan: list[Any], **_: Any) -> None:
        """Learn how many there are, from Django's signal before the first."""
        self.total = len(plan)


def migrate() -> int:
    """Apply what is not applied, with progress, and return how many that were.

    Each migration is a transaction of its own: after a crash the next start goes on.
    """
    command = Migrate()
    pre_migrate.connect(command.begin)
    call_command(command, verbosity=0, interactive=False)
    if not command.done:
        print("migrations: all applied before", flush=True)
    return command.done


def staff_password(email: str, *, reset: bool) -> str | None:
    """Make the staff user where it is missing; return its password if it is a new one.

    Two at once make one user: the second finds the address taken and fails. A crash before the
    password is shown is repaired by `--reset-staff-password`.
    """
    from django.contrib.auth import get_user_model  # models are there once Django is set up

    users: Any = get_user_model()._default_manager
    user = users.filter(email__iexact=email).first()
    if user is not None and not reset:
        return None
    password = secrets.token_urlsafe(12)
    if user is None:
        users.create_superuser(email=email, password=password)
    else:
        user.is_staff = user.is_superuser = user.is_active = True
        user.set_password(password)
        user.save()
    return password


if __name__ == "__main__":
    try:
        main()
    except (CommandError, DatabaseError) as error:
        sys.exit(f"the database was not prepared: {' '.join(str(error).split())}")
