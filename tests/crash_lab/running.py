"""A PostgreSQL of the lab's for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from crash_lab.database import Database


@contextmanager
def running_database() -> Iterator[Database]:
    """Run one in a folder of its own; stop it and remove that, however the test ends.

    Not in pytest's folder: a socket's path may not be long, where root runs the tests PostgreSQL
    is another user, and pytest keeps what it made for three runs.
    """
    with TemporaryDirectory(prefix="lab-") as folder:
        database = Database(Path(folder))
        database.start()
        try:
            yield database
        finally:
            database.stop()
