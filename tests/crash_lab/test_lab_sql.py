"""The triggers by which the lab counts how often an order's steps are written."""

from collections.abc import Iterator

import pytest

from crash_lab.database import Database
from crash_lab.lab import SHOP_FILES
from tests.crash_lab.running import running_database

# As much of the shop's tables as the triggers touch.
TABLES = """
CREATE TABLE purchases_order (id integer, charged_at timestamptz, packed_at timestamptz);
CREATE TABLE durable_tasks_task (id uuid);
INSERT INTO purchases_order VALUES (1)
"""
WRITTEN = "SELECT what FROM lab_event ORDER BY id"


@pytest.fixture
def database() -> Iterator[Database]:
    with running_database() as database:
        database.sql(TABLES)
        database.sql((SHOP_FILES / "lab.sql").read_text(encoding="utf-8"))
        yield database


def test_a_step_written_again_is_counted_though_it_says_the_same(database: Database) -> None:
    database.sql("UPDATE purchases_order SET charged_at = now()")
    database.sql("UPDATE purchases_order SET charged_at = charged_at")
    database.sql("UPDATE purchases_order SET packed_at = now()")
    assert database.sql(WRITTEN) == [("charged",), ("charged",), ("packed",)]


def test_a_decline_is_no_charge(database: Database) -> None:
    database.sql("UPDATE purchases_order SET charged_at = NULL")
    assert database.sql(WRITTEN) == []
