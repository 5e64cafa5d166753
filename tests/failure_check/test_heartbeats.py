"""A process writes that it lives, and goes on where nothing can be written."""

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
