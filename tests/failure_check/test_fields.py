"""Lists of texts go into rows and come out, by the ORM too."""

import pytest

from patterns.failure_check.models import Heartbeat


@pytest.mark.parametrize("queues", [[], ["mail"], ['a "b"', "c, {d}", "größe"]], ids=str)
def test_a_list_survives(queues: list[str]) -> None:
    Heartbeat.objects.create(name="worker a", host="here", pid=1, queues=queues)
    assert Heartbeat.objects.get(queues=queues).queues == queues
    Heartbeat.objects.update(queues=["other"])
    assert Heartbeat.objects.get().queues == ["other"]
