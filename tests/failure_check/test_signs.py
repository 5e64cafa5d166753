"""A queue is served for as long as a worker of it gives signs of life."""

from patterns.failure_check.heartbeats import Heartbeat
from patterns.failure_check.signs import served_queues, signs
from tests.failure_check.conftest import age


def test_a_queue_is_served_while_one_worker_of_it_lives() -> None:
    Heartbeat("worker mail@a", ["mail", "default"]).write()
    Heartbeat("worker mail@b", ["mail"]).write()
    assert served_queues() == {"mail", "default"}
    age("failure_check_heartbeat", "at", 21, "worker mail@a")
    assert served_queues() == {"mail"}
    age("failure_check_heartbeat", "at", 21, "worker mail@b")
    assert served_queues() == set()


def test_what_is_no_worker_serves_no_queue() -> None:
    Heartbeat("beat", ["mail"]).write()
    assert [sign.name for sign in signs()] == ["beat"]
    assert served_queues() == set()
