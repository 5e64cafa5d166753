"""Signs of life, as they are found: who wrote one, and how long ago."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connections

from . import configuration
from .heartbeats import WORKER, longest_silence

# Nobody looked, or the database was away, before `watched_since`: that silence says nothing, but of
# a process that was silent before, and is still. Nor does a sign of the future say anything, which
# is from before the server's clock was set back.
_READ = """
SELECT h.name, h.queues, h.started_at, h.at, extract(epoch FROM clock_timestamp() - CASE
    WHEN h.at > clock_timestamp() + interval '1 minute' THEN coalesce(r.watched_since, h.at)
    WHEN a.name IS NOT NULL THEN h.at
    ELSE greatest(h.at, r.watched_since) END)::float8
FROM failure_check_heartbeat h LEFT JOIN failure_check_run r ON true
LEFT JOIN failure_check_alarm a ON a.name = 'stale:' || h.name AND a.cleared_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A heartbeat as it is found; `silent_seconds` counts what was watched, and no outage."""

    name: str
    queues: list[str]
    started_at: datetime
    at: datetime
    silent_seconds: float

    @property
    def is_living(self) -> bool:
        """Tell whether it is recent enough."""
        return self.silent_seconds <= longest_silence(self.name)


def signs() -> list[Sign]:
    """Return all that have ever been written and not deleted."""
    names = ("name", "queues", "started_at", "at", "silent_seconds")
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(f"{_READ} ORDER BY h.name")
        return [Sign(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def served_queues() -> set[str]:
    """Return the queues that a living worker takes from."""
    living = [sign for sign in signs() if sign.name.startswith(WORKER) and sign.is_living]
    return {queue for sign in living for queue in sign.queues}
