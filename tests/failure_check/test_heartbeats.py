"""A process writes that it lives, and goes on where nothing can be written."""

from contextlib import suppress

from django.db import DatabaseError, connection, transaction

from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.models import Heartbeat as Row
from tests.failure_check.conftest import Outage, age


def test_one_that_ends_in_order_leaves_nothing() -> None:
    heartbeat = Heartbeat("worker mail@a", ["mail"])
    heartbeat.write()
    heartbeat.end()
    assert not Row.objects.exists()


def test_it_is_written_no_more_often_than_needed() -> None:
    heartbeat = Heartbeat("beat")
    heartbeat.write()
    age("failure_check_heartbeat", "at", 10)
    before = Row.objects.get().at
    heartbeat.write()
    assert Row.objects.get().at == before


def test_a_database_that_is_away_ends_no_loop(outage: Outage) -> None:
    outage.begin()
    Heartbeat("beat").write()


def test_within_a_transaction_that_failed_it_leaves_the_connection_to_whoever_opened_it() -> None:
    with transaction.atomic():
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        Heartbeat("beat").write()
        assert connection.connection is not None
        transaction.set_rollback(True)
    assert not Row.objects.exists()
