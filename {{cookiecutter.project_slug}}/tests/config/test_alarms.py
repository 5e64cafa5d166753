"""Each alarm is raised by really causing it: it is mailed once, and its end is mailed too."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from development.pytest_servers import FOLDER
from tests.config.alarmed import PERIOD_SECONDS, SILENCE_SECONDS, Shop

PROCESSES = ("beat", "relay", "worker")
LIVING = "SELECT name FROM failure_check_heartbeat WHERE at > now() - interval '8 s'"


@pytest.fixture(scope="module")
def running() -> Iterator[Shop]:
    """Start a shop; its processes go on from test to test."""
    folder = tempfile.mkdtemp(prefix="alarms-", dir=os.environ[FOLDER])
    Path(folder).chmod(0o755)  # PostgreSQL is another user where root runs the tests
    with Shop(Path(folder)) as shop:
        yield shop


@pytest.fixture
def shop(running: Shop) -> Shop:
    """Give the shop with all its processes, when all is clear."""
    for name in PROCESSES:
        if name not in running.processes or running.processes[name].poll() is not None:
            running.start(name)
    running.eventually(lambda: set(running.ask(LIVING)) >= {*PROCESSES[:2], "worker all@shop"})
    running.next_run()
    running.eventually(running.is_clear)
    running.smtp.messages.clear()
    return running


def was_raised_once(shop: Shop, name: str) -> None:
    """Wait for the mail, and require that the next run sends no second one."""
    shop.eventually(lambda: shop.told("New", name))
    if shop.postgres.process.poll() is None:
        shop.next_run()
    assert shop.told("New", name) == 1, shop.words()


def was_cleared_once(shop: Shop, name: str) -> None:
    """Wait for the mail that says that all is clear, and require that there is one."""
    shop.eventually(lambda: shop.told("Gone", name))
    shop.eventually(shop.is_clear)
    assert shop.told("Gone", name) == 1, shop.words()
    assert shop.mails()[-1]["Subject"].endswith("All clear!")


def test_beat_is_killed_and_the_relay_tells(shop: Shop) -> None:
    shop.kill("beat")
    was_raised_once(shop, "stale:beat")
    assert shop.ask("SELECT by LIKE 'relay@%' FROM failure_check_run") == [True]

    shop.start("beat")
    was_cleared_once(shop, "stale:beat")


def test_the_relay_is_killed_and_beat_tells(shop: Shop) -> None:
    shop.kill("relay")
    was_raised_once(shop, "stale:relay")

    shop.start("relay")
    was_cleared_once(shop, "stale:relay")


def test_both_are_killed_and_the_pings_end(shop: Shop) -> None:
    shop.eventually(lambda: shop.monitor.asked_at)
    shop.kill("beat", "relay")
    killed_at = time.monotonic()
    last = shop.monitor.asked_at[-1]
    shop.eventually(lambda: shop.monitor.silence() > SILENCE_SECONDS + 5 * PERIOD_SECONDS)
    assert shop.monitor.asked_at[-1] - max(killed_at, last) < PERIOD_SECONDS

    done = shop.command("allclear")
    assert done.returncode == 1
    assert "The process 'beat' does not run" in done.stdout

    shop.start("beat")
    shop.start("relay")
    shop.eventually(lambda: shop.monitor.silence() < 1)


def test_a_worker_is_killed(shop: Shop) -> None:
    shop.kill("worker")
    was_raised_once(shop, "stale:worker all@shop")

    shop.start("worker")
    was_cleared_once(shop, "stale:worker all@shop")


def test_a_worker_is_stopped_in_order_and_tasks_wait(shop: Shop) -> None:
    shop.stop("worker")
    assert shop.ask("SELECT name FROM failure_check_heartbeat WHERE name LIKE 'worker%'") == []
    shop.enqueue("config.clear_sessions", queue="default")
    was_raised_once(shop, "no_worker:default")
    assert "stale:worker all@shop" not in shop.alarms()

    shop.start("worker")
    was_cleared_once(shop, "no_worker:default")


def test_a_queue_falls_behind_its_latency(shop: Shop) -> None:
    shop.manage("task_queues", "pause", "mail")
    shop.enqueue("config.clear_sessions", queue="mail")
    shop.ask("UPDATE durable_tasks_task SET due_at = due_at - interval '1 hour'")
    was_raised_once(shop, "queue_late:mail")

    shop.manage("task_queues", "resume", "mail")
    was_cleared_once(shop, "queue_late:mail")


def test_a_task_fails(shop: Shop) -> None:
    shop.enqueue("purchases.charge", "00000000-0000-0000-0000-000000000000", queue="purchasing")
    was_raised_once(shop, "failed:purchases.charge")
    [mail] = [each for each in shop.mails() if "purchases.charge" in each["Subject"]]
    assert mail["To"] == "ops@example.com"

    shop.manage("failed", "discard", "--task", "purchases.charge", "--yes")
    was_cleared_once(shop, "failed:purchases.charge")


def test_the_broker_fills_up(shop: Shop) -> None:
    with Redis.from_url(shop.broker.url) as client:
        while kept_share(client) < 0.85:
            client.append("filler", b"x" * 100_000)
        was_raised_once(shop, "broker_full:the shop")

        client.delete("filler")
        was_cleared_once(shop, "broker_full:the shop")


def kept_share(client: Any) -> float:
    """Return how full it is, without what it has yet to write to its file: that is gone soon."""
    memory = client.info("memory")
    kept = memory["used_memory"] - memory["mem_not_counted_for_evict"]
    return float(kept / memory["maxmemory"])


def test_the_broker_evicts_and_forgets(shop: Shop) -> None:
    with Redis.from_url(shop.broker.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        was_raised_once(shop, "broker_evicts:the shop")
        was_raised_once(shop, "broker_forgets:the shop")

        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        was_cleared_once(shop, "broker_evicts:the shop")
        was_cleared_once(shop, "broker_forgets:the shop")


def test_the_broker_is_stopped(shop: Shop) -> None:
    shop.broker.stop()
    was_raised_once(shop, "broker_down:the shop")
    assert "stale:relay" not in shop.alarms(), shop.words()
    assert "stale:worker all@shop" not in shop.alarms(), shop.words()

    shop.broker = shop.start_broker("shop", like=shop.broker)
    was_cleared_once(shop, "broker_down:the shop")


def test_the_database_is_stopped(shop: Shop) -> None:
    shop.enqueue("purchases.charge", "00000000-0000-0000-0000-000000000000", queue="purchasing")
    was_raised_once(shop, "failed:purchases.charge")
    shop.postgres.stop()
    was_raised_once(shop, "database_down")

    done = shop.command("allclear", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert [each["name"] for each in said["problems"]] == ["database_down"]
    assert shop.monitor.silence() > PERIOD_SECONDS

    # The one that was there before is neither told again nor forgotten.
    shop.postgres = shop.start_postgres()
    shop.eventually(lambda: shop.told("Gone", "database_down"))
    shop.next_run()
    assert shop.told("New", "failed:purchases.charge") == 1
    shop.eventually(lambda: shop.alarms() == {"failed:purchases.charge"})
    shop.manage("failed", "discard", "--task", "purchases.charge", "--yes")
    was_cleared_once(shop, "failed:purchases.charge")
    assert shop.told("New", "database_down") == shop.told("Gone", "database_down") == 1


def test_allclear_says_so(shop: Shop) -> None:
    assert shop.manage("allclear") == "All clear!\n"
    assert json.loads(shop.manage("allclear", "--json"))["is_all_clear"] is True
