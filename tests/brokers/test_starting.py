"""Real workers and beats refuse another's broker, and end where theirs becomes another's."""

from typing import Any

import pytest

from patterns.brokers import handing
from tests.brokers.conftest import ANALYTICS, SHOP, made, waiting_at
from tests.processes import Process, Start
from tests.servers import DEADLINE_SECONDS, Server, eventually, start_valkey

WORKER = ("worker", "-c", "1", "--without-gossip", "--without-mingle", "-l", "INFO")
COMMANDS = pytest.mark.parametrize("command", [WORKER, ("beat",)], ids=lambda words: words[0])
CONFIG = 78  # EX_CONFIG


def until_logged(process: Process, words: str) -> None:
    eventually(lambda: process.has_said(words))


@COMMANDS
def test_none_starts_at_another_s_broker_and_it_says_whose_that_is(
    command: tuple[str, ...], start: Start, broker: Server, client: Any
) -> None:
    made(broker.url).send_task("tests.say")
    process = start(*command, owner=ANALYTICS)
    assert process.end(DEADLINE_SECONDS) == CONFIG
    assert "is the broker of story.shop@production" in process.words
    assert "Set THE_BROKER to this app's own broker." in process.words
    assert client.llen("celery") == 1  # neither taken nor joined by another


def test_a_worker_ends_when_its_broker_is_handed_over_and_its_task_is_not_lost(
    start: Start, broker: Server, client: Any
) -> None:
    shop = made(broker.url)
    process = start(*WORKER, REMAP_SIGTERM="SIGQUIT")
    until_logged(process, " ready.")
    shop.send_task("tests.say")
    until_logged(process, "The task runs.")
    handing.hand_over(made(broker.url, ANALYTICS), str(SHOP))
    assert process.end(DEADLINE_SECONDS) == CONFIG
    assert "is the broker of other.analytics@production" in process.words


def test_beat_sends_nothing_once_its_broker_is_handed_over(
    start: Start, broker: Server, client: Any
) -> None:
    process = start("beat")
    eventually(lambda: client.llen("celery"))
    handing.hand_over(made(broker.url, ANALYTICS), str(SHOP))
    until_logged(process, "is the broker of other.analytics@production")
    client.delete("celery")
    sent_before = process.words.count("Message Error")
    eventually(lambda: process.words.count("Message Error") > sent_before + 2)
    assert client.llen("celery") == 0


def test_a_worker_puts_the_stamp_back_after_a_flush(
    start: Start, broker: Server, client: Any
) -> None:
    until_logged(start(*WORKER), " ready.")
    client.flushall()
    eventually(lambda: handing.show(made(broker.url)).owner == str(SHOP))


def test_a_worker_waits_for_a_broker_that_is_away_and_takes_nothing_if_it_is_another_s_then(
    start: Start, broker: Server, tmp_path: Any
) -> None:
    port = int(broker.url.rpartition(":")[2].partition("/")[0])
    broker.stop()
    process = start(*WORKER, owner=ANALYTICS, BROKER=f"redis://127.0.0.1:{port}/0")
    until_logged(process, "Cannot connect to")
    assert not process.fail_if_ended()
    other = start_valkey(tmp_path / "other", port=port, durable=False)
    try:
        with handing.redis.Redis.from_url(other.url) as client:
            made(other.url).send_task("tests.say")
            client.config_set("requirepass", "")  # until now the worker was not let in
            assert process.end(DEADLINE_SECONDS) == CONFIG
            assert "is the broker of story.shop@production" in process.words
            assert client.llen("celery") == 1
    finally:
        other.stop()


def test_a_worker_waits_for_a_broker_that_comes_back_empty_while_somebody_waits_there(
    start: Start, broker: Server, tmp_path: Any
) -> None:
    port = int(broker.url.rpartition(":")[2].partition("/")[0])
    broker.stop()
    process = start(*WORKER, BROKER=f"redis://127.0.0.1:{port}/0")
    until_logged(process, "Cannot connect to")
    again = start_valkey(tmp_path / "again", port=port, durable=False)
    try:
        with handing.redis.Redis.from_url(again.url) as client, waiting_at(again.url, client):
            client.config_set("requirepass", "")  # until now the worker was not let in
            until_logged(process, "bears no stamp, and workers wait there")
            until_logged(process, " ready.")
            assert handing.show(made(again.url)).owner == str(SHOP)
    finally:
        again.stop()


def test_a_worker_does_not_start_at_a_broker_that_evicts_unless_told_so(
    start: Start, client: Any
) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    process = start(*WORKER)
    assert process.end(DEADLINE_SECONDS) == CONFIG
    assert "maxmemory-policy allkeys-lru" in process.words
    until_logged(start(*WORKER, MAY_EVICT="1"), " ready.")
