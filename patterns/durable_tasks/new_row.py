"""What an INSERT says about a task, and the id that it is given."""

import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


# Not frozen: one is made for each call, and frozen fields take three times as long to set.
@dataclass(kw_only=True, slots=True)
class NewRow:
    """What a caller says about a task, in the order in which the database's function takes it."""

    id: UUID
    name: str
    queue: str
    max_crashes: int
    # What error trackers print of a frame's locals holds no one's data; options hold next steps.
    arguments: str = field(repr=False)
    shown: str
    options: str = field(default="", repr=False)
    unique_key: str | None = None
    rank: int = 0
    retries: int = 0
    delay_seconds: float | None = None
    due_at: datetime | None = None
    expires_seconds: float | None = None
    expires_at: datetime | None = None
    origin: str = ""


def new_id() -> UUID:
    """Return an id that sorts by its time (UUID version 7): the index grows at its end.

    Twelve bits beside the milliseconds are a fraction of one (RFC 9562, 6.2, method 3): a process'
    tasks are listed in the order in which it enqueued them.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * (1 << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    moment = (milliseconds & (1 << 48) - 1) << 80 | fraction << 64
    return UUID(int=moment | 7 << 76 | 0x2 << 62 | random)
