"""Of two who take a broker at the same time one does, and the other is told."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from patterns.brokers import handing, stamp
from patterns.brokers.errors import HandOverRefused
from patterns.brokers.owner import Owner
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server

THIRD = Owner("third", "production")


@pytest.fixture
def raced(broker: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that has the third take the broker just before `stamp` does something."""

    def before(step: str) -> None:
        own = getattr(stamp, step)

        def late(*args: Any) -> Any:
            monkeypatch.setattr(stamp, step, own)
            with Redis.from_url(broker.url) as other:
                assert stamp.replace(other, stamp.read(other), THIRD)
            return own(*args)

        monkeypatch.setattr(stamp, step, late)

    return before


@pytest.mark.parametrize("step", ["replace", "_written"], ids=["before", "within"])
def test_a_handing_over_that_is_raced_is_refused(
    broker: Server, client: Any, raced: Callable[[str], None], step: str
) -> None:
    made(broker.url).guard.look()
    raced(step)
    with pytest.raises(HandOverRefused, match="Somebody else stamped it at the same time"):
        handing.hand_over(made(broker.url, ANALYTICS), str(SHOP))
    found = stamp.read(client)
    assert found is not None
    assert found.owner == str(THIRD)


def test_a_broker_that_bears_no_stamp_is_not_handed_over() -> None:
    with pytest.raises(HandOverRefused, match=r"of story\.shop@production is no Redis or Valkey"):
        handing.hand_over(made("memory://"), "nobody")
