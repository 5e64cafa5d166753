"""The lab's broker keeps its address through everything that is done to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from crash_lab.broker import Broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    made.start()
    made.client.set("key", "value")
    yield made
    made.stop()
    made.client.close()


def test_it_keeps_its_data_through_a_restart(broker: Broker) -> None:
    broker.stop()
    broker.start()
    assert broker.client.get("key") == b"value"


def test_emptied_it_has_forgotten(broker: Broker) -> None:
    broker.stop()
    broker.empty()
    broker.start()
    assert broker.client.get("key") is None


def test_set_back_it_has_what_it_had_at_the_snapshot(broker: Broker) -> None:
    broker.stop()
    broker.take_snapshot()
    broker.start()
    broker.client.set("key", "newer")
    broker.stop()
    broker.go_back()
    broker.start()
    assert broker.client.get("key") == b"value"


def test_full_it_refuses_until_there_is_room(broker: Broker) -> None:
    broker.fill()
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        broker.client.set("other", b"x" * 100_000)
    broker.make_room()
    assert broker.client.set("other", "value")
    assert broker.client.get("key") == b"value"


def test_frozen_it_answers_nobody_and_thawed_it_does(broker: Broker) -> None:
    broker.freeze()
    broker.start_unless_running()
    assert broker.client.ping()
