"""The lab's PostgreSQL: stopped, crashed, started again, and asked for the truth."""

import signal
import time
from pathlib import Path
from typing import Any

import psycopg

from crash_lab.development_code import postgres

AWAY_SECONDS = 60.0


class Database:
    """A PostgreSQL whose address stays the same through its restarts."""

    def __init__(self, folder: Path) -> None:
        """Keep the data in `folder`."""
        self.folder = folder

    def start(self) -> None:
        """Start, or start again on the same data; it waits for the disk as production does."""
        self.server: Any = postgres.start_postgres(self.folder, database="shop")
        self.url: str = self.server.url

    def start_unless_running(self) -> None:
        """Start it where a scenario has left it stopped."""
        if self.server.process.poll() is not None:
            self.start()

    def stop(self) -> None:
        """End in order: sessions are cut off, transactions roll back."""
        self.server.stop()

    def crash(self) -> None:
        """End as a power failure would: all at once, and nothing is written any more."""
        self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait()

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the shop's database; wait for one that is being restarted."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                with psycopg.connect(self.url, autocommit=True) as connection:
                    cursor = connection.execute(query.encode(), values or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
