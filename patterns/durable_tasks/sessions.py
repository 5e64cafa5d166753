"""The database session of a run has the name of its claim, so that others can end it.

A process that is frozen, or has been killed, may leave a transaction open, and whoever runs the
task next would wait for its locks.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

_END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = ANY(%s) AND usename = current_user AND pid <> pg_backend_pid()
"""


def name(cursor: Any, token: UUID) -> None:
    """Name the session after a claim until its open transaction ends."""
    # Not set_config(): this is neither planned nor answered with a row.
    cursor.execute(f"SET LOCAL application_name = '{_name(token)}'")


def end(cursor: Any, claims: Sequence[Any]) -> int:
    """End what a process left in the database: it may work on for minutes, with locks held."""
    if not claims:
        return 0
    cursor.execute(_END_SESSIONS, [[_name(claim) for claim in claims]])
    return int(cursor.fetchone()[0])


def _name(token: UUID | str) -> str:
    return f"durable_tasks {token}"
