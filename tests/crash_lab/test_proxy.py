"""The proxy lets a marked COMMIT take hold, and keeps its answer from the client."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from crash_lab.database import Database
from crash_lab.proxy import MARK, Proxy
from tests.crash_lab.running import running_database


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_database() as made:
        made.sql("CREATE TABLE told (what text)")
        yield made


def test_a_marked_commit_takes_hold_unheard(database: Database) -> None:
    with Proxy(Path(database.folder)) as proxy:
        connection = psycopg.connect(proxy.url)
        connection.execute("INSERT INTO told VALUES ('marked')")
        connection.execute(b"SELECT '" + MARK + b"'")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        connection.close()
        assert proxy.cuts == 1
    assert database.sql("SELECT what FROM told WHERE what = 'marked'") == [("marked",)]


def test_any_other_commit_is_answered(database: Database) -> None:
    with Proxy(Path(database.folder)) as proxy, psycopg.connect(proxy.url) as connection:
        connection.execute("INSERT INTO told VALUES ('plain')")
        connection.commit()
        assert proxy.cuts == 0
    assert database.sql("SELECT what FROM told WHERE what = 'plain'") == [("plain",)]


def test_the_database_keeps_its_data_and_address_through_a_crash(database: Database) -> None:
    url = database.url
    database.sql("INSERT INTO told VALUES ('before')")
    database.crash()
    database.start()
    assert database.url == url
    assert database.sql("SELECT what FROM told WHERE what = 'before'") == [("before",)]
