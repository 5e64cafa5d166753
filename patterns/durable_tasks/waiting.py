"""What waits in each queue: what a relay looks at in every turn."""

from dataclasses import dataclass

from django.db import connections

from . import configuration

# A function (migration 0004), planned once a session.
_WAITING = "SELECT * FROM durable_tasks_waiting()"


@dataclass(frozen=True)
class Waiting:
    """A queue: how many messages are published, whose lease ended, and whether more are ready."""

    queue: str
    published: int
    ended: int
    has_ready: bool


def all_waiting() -> list[Waiting]:
    """Return the queues that have anything to publish, or to publish again."""
    with connections[configuration.database()].cursor() as cursor:
        cursor.execute(_WAITING)
        return [Waiting(*row) for row in cursor.fetchall()]
