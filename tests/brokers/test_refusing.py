"""What a process does at its start and while it runs, as its guard finds its broker."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from patterns.brokers import guard, stamp, starting
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server


def begun_by(app: Any) -> Any:
    """Return what Celery sends with its signal at the start of an app's worker or beat."""
    return SimpleNamespace(app=app)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep what the threads that look would call, and start none that goes on."""
    began: list[Any] = []
    monkeypatch.setattr(guard.Guard, "_watch", lambda self, then: began.append(then))
    return began


def test_a_worker_and_a_beat_look_from_their_start_on(broker: Server, watched: list[Any]) -> None:
    starting.begin_worker(begun_by(made(broker.url)))
    starting.begin_beat(begun_by(made(broker.url)))
    assert len(watched) == 2
    assert watched[0] is starting._stop_worker


def test_an_app_without_a_guard_is_left_alone(watched: list[Any]) -> None:
    plain = Celery("plain", broker="redis://broker.invalid/0", set_as_current=False)
    starting.begin_worker(begun_by(plain))
    starting.begin_beat(begun_by(plain))
    assert watched == []


def test_a_process_of_ones_own_ends_once_its_broker_is_another_s(broker: Server) -> None:
    analytics = made(broker.url, ANALYTICS).guard
    starting.end_if_another(analytics)  # nobody has looked
    made(broker.url).guard.look()
    analytics.look_once()
    with pytest.raises(SystemExit) as ended:
        starting.end_if_another(analytics)
    assert ended.value.code == starting.EX_CONFIG


def test_a_process_of_ones_own_goes_on_where_its_broker_may_become_its_own(
    broker: Server, somebody_waiting: None, caplog: Any
) -> None:
    shop = made(broker.url).guard
    shop.look_once()
    assert "bears no stamp, and workers wait there" in caplog.text
    starting.end_if_another(shop)


def test_a_start_after_a_flush_waits_for_the_owner_and_takes_the_broker_where_none_comes(
    broker: Server, client: Any, somebody_waiting: None, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(starting, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(guard, "WAIT_SECONDS", 0.5)
    starting.refuse_another(made(broker.url).guard)
    found = stamp.read(client)
    assert found is not None
    assert found.owner == str(SHOP)
    assert caplog.text.count("bears no stamp, and workers wait there") == 1


def test_a_start_does_not_wait_for_ever_for_a_broker_to_be_anybody_s(
    broker: Server, client: Any, somebody_waiting: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(starting, "WAIT_SECONDS", 0)
    with pytest.raises(SystemExit) as ended:
        starting.refuse_another(made(broker.url).guard)
    assert ended.value.code == starting.EX_CONFIG
    assert stamp.read(client) is None
