"""What PostgreSQL suffers from in silence is found on a real one."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from patterns.failure_check import postgres


@pytest.fixture
def session() -> Iterator[Any]:
    """Another session of the database, as another process has one."""
    parts = connection.settings_dict
    with psycopg.connect(
        host=parts["HOST"], user=parts["USER"], dbname=parts["NAME"], application_name="forgotten"
    ) as other:
        yield other
        other.rollback()


def test_a_transaction_that_is_too_old_is_found(settings: Any, session: Any) -> None:
    session.execute("SELECT 1")
    settings.FAILURE_CHECK_TRANSACTION_SECONDS = 900
    assert list(postgres.old_transactions()) == []
    settings.FAILURE_CHECK_TRANSACTION_SECONDS = 0.001
    [problem] = postgres.old_transactions()
    assert problem.name == "old_transaction"
    assert "(forgotten, idle in transaction)" in problem.sentence


def test_one_that_has_ended_is_not(settings: Any, session: Any) -> None:
    session.execute("SELECT 1")
    session.rollback()
    settings.FAILURE_CHECK_TRANSACTION_SECONDS = 0.001
    assert list(postgres.old_transactions()) == []


def test_connections_near_the_limit_are_found(settings: Any, session: Any) -> None:
    assert list(postgres.many_connections()) == []
    settings.FAILURE_CHECK_FULL_SHARE = 0.001
    [problem] = postgres.many_connections()
    assert (problem.name, problem.severity) == ("connections", "warning")
    assert "of the 197 connections" in problem.sentence


def test_a_database_without_the_tables_does_not_answer() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE failure_check_run RENAME TO gone")
    try:
        with pytest.raises(Exception, match="failure_check_run"):
            postgres.answers()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO failure_check_run")
    postgres.answers()
