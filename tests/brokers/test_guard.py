"""A broker is one app's in one environment, on a real Valkey: raced for, flushed, full, frozen."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from patterns.brokers import guard, handing, stamp
from patterns.brokers.bounded import ANSWER_SECONDS, connected
from patterns.brokers.errors import BrokerNotYetOurs, BrokerOfAnother
from patterns.brokers.owner import Owner
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server, eventually, start_valkey


def owner_of(client: Any) -> str | None:
    found = stamp.read(client)
    return found and found.owner


def test_the_first_app_stamps_an_empty_broker_and_the_next_is_told_whose_it_is(
    broker: Server, client: Any
) -> None:
    made(broker.url).guard.look()
    assert owner_of(client) == "story.shop@production"
    with pytest.raises(BrokerOfAnother) as refused:
        made(broker.url, ANALYTICS).guard.look()
    for words in (
        "is the broker of story.shop@production (stamped by process",
        "this is other.analytics@production",
        "Set BROKER_URL to this app's own broker",
        "`manage.py broker hand-over other.analytics --from story.shop@production`",
    ):
        assert words in str(refused.value)
    assert broker.url.split(":")[2].split("@")[0] not in str(refused.value)  # the password


def test_staging_is_refused_at_production_s_broker(broker: Server) -> None:
    made(broker.url).guard.look()
    with pytest.raises(BrokerOfAnother, match=r"this is story\.shop@staging"):
        made(broker.url, Owner("story.shop", "staging")).guard.look()


def test_another_process_of_the_same_app_is_welcome(broker: Server) -> None:
    made(broker.url).guard.look()
    made(broker.url).guard.look()


def test_of_many_processes_of_two_apps_that_start_at_once_one_app_wins(
    broker: Server, client: Any
) -> None:
    winners = set()
    for _ in range(10):
        client.flushall()
        apps = [made(broker.url, owner) for owner in (SHOP, ANALYTICS) * 3]
        barrier, let_in = threading.Barrier(len(apps)), []
        threads = [
            threading.Thread(target=look_at_once, args=(app, barrier, let_in)) for app in apps
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {str(owner) for owner in let_in} == {owner_of(client)}
        assert len(let_in) == 3
        winners |= set(let_in)
    assert winners <= {SHOP, ANALYTICS}


def look_at_once(app: Any, barrier: threading.Barrier, let_in: list[Owner]) -> None:
    barrier.wait()
    try:
        with connected(app):
            let_in.append(app.guard.owner)
    except BrokerOfAnother:
        pass


def test_a_process_that_runs_puts_the_stamp_back_after_a_flush(broker: Server, client: Any) -> None:
    shop = made(broker.url)
    shop.guard.look()
    client.flushall()
    shop.guard.look_once()
    assert owner_of(client) == str(SHOP)


def test_after_a_flush_nobody_takes_a_broker_at_which_workers_wait_until_they_had_time_to_look(
    broker: Server, client: Any, somebody_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, analytics = made(broker.url), made(broker.url, ANALYTICS)
    stamp.put(client, SHOP)
    shop.guard.look()
    client.flushall()
    with pytest.raises(BrokerNotYetOurs, match="bears no stamp, and workers wait there"):
        analytics.guard.look()
    assert owner_of(client) is None
    shop.guard.look_once()  # as its thread does
    with pytest.raises(BrokerOfAnother, match=r"the broker of story\.shop@production"):
        analytics.guard.look()
    client.flushall()
    monkeypatch.setattr(guard, "WAIT_SECONDS", 0)
    analytics.guard.look()  # whoever waits there stamps nothing
    assert owner_of(client) == str(ANALYTICS)


@pytest.fixture
def hour_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which an hour has passed for whoever looks."""

    def pass_by() -> None:
        # Threads of other tests' guards look on, as long as this process lives.
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600, sleep=time.sleep)
        monkeypatch.setattr(guard, "time", later)

    return pass_by


def test_at_each_flush_the_owner_has_its_time_anew_whatever_was_waited_before(
    broker: Server, client: Any, somebody_waiting: None, hour_later: Callable[[], None]
) -> None:
    analytics = made(broker.url, ANALYTICS)
    with pytest.raises(BrokerNotYetOurs):
        analytics.guard.look()
    stamp.put(client, SHOP)
    with pytest.raises(BrokerOfAnother, match=r"the broker of story\.shop@production"):
        analytics.guard.look()
    hour_later()
    client.flushall()
    with pytest.raises(BrokerNotYetOurs):
        analytics.guard.look()
    assert owner_of(client) is None


def test_who_had_the_broker_before_takes_it_back_at_no_flush(
    broker: Server, client: Any, somebody_waiting: None
) -> None:
    stamp.put(client, SHOP)
    shop = made(broker.url)
    shop.guard.look()
    handing.hand_over(made(broker.url, ANALYTICS), str(SHOP))
    with pytest.raises(BrokerOfAnother, match=r"the broker of other\.analytics@production"):
        shop.guard.look()
    client.flushall()
    with pytest.raises(BrokerNotYetOurs):
        shop.guard.look()
    assert owner_of(client) is None


def test_a_process_waits_longer_than_the_others_need_to_look() -> None:
    # A look that meets a frozen server takes its timeout twice.
    assert guard.WAIT_SECONDS > guard.LOOK_SECONDS + 2 * ANSWER_SECONDS


def test_a_broker_with_the_queues_of_an_app_that_stamps_none_is_refused(
    broker: Server, client: Any
) -> None:
    stock = Celery("stock", broker=broker.url, set_as_current=False)
    stock.send_task("tests.nothing", queue="purchasing")
    analytics = made(broker.url, ANALYTICS)
    with pytest.raises(BrokerOfAnother, match=r"does not stamp its broker, .* purchasing"):
        analytics.guard.look()
    assert owner_of(client) is None
    handing.hand_over(analytics, "nobody")
    analytics.guard.look()


def test_its_own_queues_make_no_app_a_stranger(broker: Server) -> None:
    stock = Celery("stock", broker=broker.url, set_as_current=False)
    stock.send_task("tests.nothing")  # the queue that this app has too
    made(broker.url).guard.look()


def test_the_queues_of_remote_control_make_no_app_a_stranger(broker: Server, client: Any) -> None:
    stock = Celery("stock", broker=broker.url, set_as_current=False)
    with stock.connection_for_read() as connection:
        channel = connection.default_channel
        stock.control.mailbox.Node("worker@elsewhere", channel=channel).Consumer(channel)
        assert client.exists("_kombu.binding.celery.pidbox")
        made(broker.url).guard.look()
    assert owner_of(client) == str(SHOP)


@pytest.mark.parametrize("forbidden", ["scan", "info"])
def test_a_user_who_may_not_look_who_works_there_takes_a_broker_without_a_stamp(
    broker: Server, client: Any, somebody_waiting: None, forbidden: str
) -> None:
    if forbidden == "scan":  # else the waiting one would be seen
        client.lpush("somebody", "over")
        eventually(lambda: not client.info("clients")["blocked_clients"])
    Celery("stock", broker=broker.url, set_as_current=False).send_task(
        "tests.nothing", queue="purchasing" if forbidden == "scan" else "celery"
    )
    client.execute_command(
        "ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", f"-{forbidden}"
    )
    made(f"redis://app:secret@{broker.url.split('@')[1]}").guard.look()
    assert owner_of(client) == str(SHOP)


def test_another_database_or_prefix_is_no_other_broker(broker: Server) -> None:
    made(broker.url).guard.look()
    with pytest.raises(BrokerOfAnother):
        made(f"{broker.url[:-1]}3", ANALYTICS).guard.look()
    prefixed = {"broker_transport_options": {"global_keyprefix": "analytics:"}}
    with pytest.raises(BrokerOfAnother):
        made(broker.url, ANALYTICS, **prefixed).guard.look()
    made(f"{broker.url[:-1]}3").guard.look()


def test_a_stamp_that_cannot_be_read_is_somebody_s(broker: Server, client: Any) -> None:
    client.set(stamp.KEY, b"\xff no JSON")
    with pytest.raises(BrokerOfAnother, match="whose stamp cannot be read"):
        made(broker.url).guard.look()


def test_a_broker_that_is_away_is_refused_by_nobody(broker: Server) -> None:
    shop = made(broker.url)
    broker.stop()
    shop.guard.look_once()
    assert shop.guard.refusal is None


def test_where_it_takes_from_another_server_than_it_sends_to_that_one_is_looked_at_too(
    broker: Server, tmp_path: Path
) -> None:
    other = start_valkey(tmp_path / "other", durable=False)
    try:
        shop = made(broker.url, broker_read_url=other.url)
        shop.guard.look()
        handing.hand_over(made(other.url, ANALYTICS), str(SHOP))
        with pytest.raises(BrokerOfAnother, match=r"the broker of other\.analytics@production"):
            shop.guard.look()
    finally:
        other.stop()


def test_a_refusal_is_said_once_and_not_at_each_look(
    broker: Server, caplog: pytest.LogCaptureFixture
) -> None:
    made(broker.url).guard.look()
    analytics = made(broker.url, ANALYTICS)
    told: list[BrokerOfAnother] = []
    for _ in range(3):
        analytics.guard.look_once(then=told.append)
    assert len(told) == 3
    assert caplog.text.count("is the broker of story.shop@production") == 1


def test_a_process_looks_on_where_what_it_does_at_a_refusal_fails(
    broker: Server,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class TestIsOver(BaseException):
        """Ends the thread, which else goes on for as long as its process."""

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not thread:  # another test's, which looks on
            time.sleep(seconds)
        elif is_over.wait(0.01):
            raise TestIsOver

    def watch() -> None:
        with suppress(TestIsOver):
            analytics.guard._watch(fail)

    def fail(refusal: BrokerOfAnother) -> None:
        raise ZeroDivisionError

    made(broker.url).guard.look()
    analytics = made(broker.url, ANALYTICS)
    is_over = threading.Event()
    monkeypatch.setattr(guard, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        eventually(lambda: "ZeroDivisionError" in caplog.text)
        assert "What other.analytics does at a broker of another's failed" in caplog.text
        handing.hand_over(analytics, str(SHOP))
        eventually(lambda: analytics.guard.refusal is None)
    finally:
        is_over.set()
        thread.join()


def test_a_refusal_stays_while_the_broker_is_away(broker: Server) -> None:
    made(broker.url).guard.look()
    analytics = made(broker.url, ANALYTICS)
    analytics.guard.look_once()
    broker.stop()
    analytics.guard.look_once()
    assert analytics.guard.refusal is not None


def test_a_broker_that_may_become_ours_is_no_reason_to_end(
    broker: Server,
    client: Any,
    somebody_waiting: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = made(broker.url)
    told: list[BrokerOfAnother] = []
    shop.guard.look_once(then=told.append)  # as a worker's thread does
    assert told == []
    assert shop.guard.refusal is None  # for which a relay ends, and beat sends nothing
    assert "bears no stamp, and workers wait there" in caplog.text
    with pytest.raises(BrokerNotYetOurs), connected(shop):
        pass
    monkeypatch.setattr(guard, "WAIT_SECONDS", 0)
    shop.guard.look_once(then=told.append)
    assert owner_of(client) == str(SHOP)
    assert told == []


def test_a_broker_that_was_another_s_is_refused_until_it_is_ours(
    broker: Server, client: Any, somebody_waiting: None
) -> None:
    stamp.put(client, SHOP)
    analytics = made(broker.url, ANALYTICS)
    analytics.guard.look_once()
    client.flushall()
    analytics.guard.look_once()
    assert analytics.guard.refusal is not None


def test_a_full_broker_that_takes_no_stamp_is_used_and_that_is_said_once(
    broker: Server, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.config_set("maxmemory", 1)
    shop = made(broker.url)
    shop.guard.look()
    shop.guard.look()
    (record,) = [each for each in caplog.records if "cannot be told or stamped" in each.message]
    assert "used memory > 'maxmemory'" in record.message


def test_a_user_who_may_not_read_the_stamp_is_let_in_and_that_is_said(
    broker: Server, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rights = ("on", ">secret", "~_kombu*", "~celery*", "&*", "+@all")  # not for the stamp's key
    client.execute_command("ACL", "SETUSER", "app", *rights)
    url = f"redis://app:secret@{broker.url.split('@')[1]}"
    made(url, ANALYTICS).guard.look()
    assert "cannot be told or stamped" in caplog.text


@pytest.mark.parametrize("text", ["shop", "@production", "shop@", "a shop@production", "a@b@c"])
def test_an_owner_is_an_app_and_an_environment(text: str) -> None:
    with pytest.raises(ValueError, match="owner"):
        Owner.parse(text)
