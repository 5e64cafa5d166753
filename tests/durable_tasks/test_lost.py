"""Messages that vanish are published again; those that wait are not."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from development.server import Server
from django.db import InterfaceError, OperationalError, connection

from patterns.durable_tasks import lost, turns
from patterns.durable_tasks.marks import PUBLICATION
from patterns.durable_tasks.models import TaskRow
from patterns.durable_tasks.relay import Relay
from patterns.durable_tasks.upkeep import Upkeep
from tests.durable_tasks.messages import ids, lose, messages
from tests.durable_tasks.test_publication import enqueue, relay
from tests.lost_sessions import WHEN, faults

__all__ = ["relay"]
PAST = "2020-01-01T00:00Z"


def end_leases() -> None:
    TaskRow.objects.filter(state=2).update(leased_until=PAST)


def test_as_many_are_published_again_as_were_taken(relay: Relay, broker: Server) -> None:
    all_ids = enqueue(10)
    relay.turn()
    taken = lose(broker, 4)
    end_leases()
    relay.turn()
    assert taken == all_ids[:4]
    assert sorted(ids(broker)) == sorted(all_ids)


def test_an_old_message_is_stale_once_it_is_published_again(relay: Relay, broker: Server) -> None:
    enqueue(1)
    relay.turn()
    before = TaskRow.objects.get().publication
    lose(broker, 1)
    end_leases()
    relay.turn()
    assert TaskRow.objects.get().publication not in (None, before)


def test_a_queue_without_a_worker_gets_no_copies(relay: Relay, broker: Server) -> None:
    enqueue(10)
    relay.turn()
    for _ in range(5):
        end_leases()
        relay.turn()
    assert len(ids(broker)) == 10


def test_a_broker_that_came_back_empty_is_filled_again(relay: Relay, broker: Server) -> None:
    """An empty Redis list is no list: asked passively, the broker says that there is no queue."""
    all_ids = enqueue(10)
    relay.turn()
    with redis.Redis.from_url(broker.url) as client:
        client.flushall()
    end_leases()
    relay.turn()
    assert relay.outage is None
    assert sorted(ids(broker)) == sorted(all_ids)


def test_what_a_lease_still_holds_is_not_looked_for(relay: Relay, broker: Server) -> None:
    enqueue(3)
    relay.turn()
    lose(broker, 3)
    relay.turn()
    assert ids(broker) == []


def test_all_is_looked_for_after_a_connection_but_what_is_on_its_way(
    relay: Relay, broker: Server
) -> None:
    enqueue(3)
    relay.turn()
    lost.look_for_all()
    assert not TaskRow.objects.filter(state=2, leased_until__lte="2024-01-01T00:00Z").exists()
    lose(broker, 3)
    relay.turn()
    assert ids(broker) == []  # marked a moment ago: perhaps another relay is sending it
    TaskRow.objects.update(leased_until=_in_20_seconds())
    lost.look_for_all()
    relay.turn()
    assert len(ids(broker)) == 3


def test_a_look_that_the_database_does_not_answer_is_made_again(
    relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what a broker lost as it ended would wait for its leases."""
    enqueue(1)
    relay.turn()
    lose(broker, 1)
    TaskRow.objects.update(leased_until=_in_20_seconds())
    monkeypatch.setattr(relay, "_look_at", 0.1)
    with monkeypatch.context() as away:
        away.setattr(lost, "look_for_all", partial(raising, OperationalError("away")))
        with pytest.raises(OperationalError):
            relay.turn()
    relay.turn()
    assert len(ids(broker)) == 1


def test_each_connection_is_followed_by_a_look_and_puts_no_other_look_off(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what was sent just before the second connection, and lost, would wait for its lease."""
    clock, looks = [1000.0], list[float]()
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(lost, "look_for_all", lambda: looks.append(clock[0]))
    monkeypatch.setattr(relay, "_look_at", 0.0)
    for second in range(1000, 1030):
        clock[0] = float(second)
        relay.broker.is_new = second in (1000, 1004)
        relay._look_for_all()
    assert looks == [1005, 1009]


@pytest.mark.parametrize("when", WHEN)
def test_a_session_that_ends_at_any_statement_of_a_turn_keeps_no_task_from_its_worker(
    when: str, relay: Relay, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults(monkeypatch, when, fewest=15):
        enqueue(2)
        relay.turn()
        lose(broker, 1)
        end_leases()
        enqueue(2)
        relay.upkeep = Upkeep()  # all of which is due
        with fault.armed(), suppress(OperationalError, InterfaceError):
            relay.turn()
        connection.close()  # as the relay does
        started = work(broker)
        for _ in range(3):
            relay.turn()
            started += work(broker)
            end_leases()  # of what was marked, and not sent
        assert started == 4, f"at statement {fault.at}"
        assert not TaskRow.objects.exists()


def work(broker: Server) -> int:
    """Take all messages, and do what those name that are current; return how many were."""
    taken = messages(broker)
    lose(broker, len(taken))
    current = [TaskRow.objects.filter(publication=each[PUBLICATION]) for each in taken]
    return sum(each.delete()[0] for each in current)


def raising(error: Exception) -> None:
    raise error


def test_two_relays_do_not_both_publish_again(relay: Relay, broker: Server) -> None:
    """Given one relay that asks the broker, when another looks meanwhile, then it finds nothing."""
    enqueue(10)
    relay.turn()
    lose(broker, 4)
    end_leases()
    others: list[int] = []

    def depth() -> int:
        others.append(lost.publish_again("default", lambda: 6))
        return 6

    assert lost.publish_again("default", depth) == 4
    assert others == [0]


def test_one_that_was_overtaken_is_found_behind_a_backlog_of_plain_tasks(
    relay: Relay, broker: Server
) -> None:
    """The depth says nothing where other messages wait in the same queue; the order does."""
    (first,) = enqueue(1)
    relay.turn()
    lose(broker, 1)
    with redis.Redis.from_url(broker.url) as client:
        client.lpush("default", *(b"plain" for _ in range(100)))
    (second,) = enqueue(1)
    relay.turn()
    end_leases()
    assert lost.publish_again("default", lambda: 100) == 0
    TaskRow.objects.filter(id=second).update(state=3)
    end_leases()
    assert lost.publish_again("default", lambda: 100) == 1
    assert TaskRow.objects.get(id=first).state == 1


def age(seconds: float) -> None:
    """Let everything published have been due, and sent, so much longer ago."""
    with connection.cursor() as cursor:
        cursor.execute(AGE, {"seconds": seconds})


AGE = """
UPDATE durable_tasks_task SET leased_until = now() - interval '1 second',
    due_at = due_at - make_interval(secs => %(seconds)s),
    publication = (lpad(to_hex(('x' || replace(left(publication::text, 18), '-', ''))
        ::bit(64)::bigint - %(seconds)s::bigint * 1000000), 16, '0')
        || right(replace(publication::text, '-', ''), 16))::uuid
WHERE state = 2
"""


def test_a_window_that_was_lost_behind_a_backlog_of_plain_tasks_is_published_again(
    relay: Relay, broker: Server, settings: Any
) -> None:
    """Nothing overtakes it, for a full window takes nothing; and the depth never falls."""
    settings.DURABLE_TASKS_WINDOW = 4
    lost_ids = enqueue(4)
    relay.turn()
    lose(broker, 4)
    enqueue(4)
    with redis.Redis.from_url(broker.url) as client:
        client.lpush("default", *(b"plain" for _ in range(100)))
        end_leases()
        relay.turn()
        assert client.llen("default") == 100
        age(lost.HIDDEN_SECONDS)
        relay.turn()
        assert client.llen("default") == 104
        assert {str(each.pk) for each in TaskRow.objects.filter(state=2)} == set(lost_ids)
        # Sent again twice as late each time: a queue that waits long is not filled with copies.
        age(lost.HIDDEN_SECONDS - 100)
        relay.turn()
        assert client.llen("default") == 104
        age(200)
        relay.turn()
        assert client.llen("default") == 108


def test_what_waits_for_days_without_other_messages_gets_no_copies(
    relay: Relay, broker: Server
) -> None:
    enqueue(4)
    relay.turn()
    age(1_000_000)
    relay.turn()
    assert len(ids(broker)) == 4


def test_a_broker_that_is_away_while_it_is_asked_loses_nothing(
    relay: Relay, broker: Server
) -> None:
    enqueue(2)
    relay.turn()
    end_leases()

    def depth() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        lost.publish_again("default", depth)
    assert TaskRow.objects.filter(state=2).count() == 2


def _in_20_seconds() -> Any:
    return datetime.now(UTC) + timedelta(seconds=20)
