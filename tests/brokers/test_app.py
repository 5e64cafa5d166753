"""Producers send nothing to another's broker, at the first publication and later on."""

import logging
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from patterns.brokers import handing
from patterns.brokers.app import GuardedCelery
from patterns.brokers.errors import BrokerOfAnother
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server

ONCE = {"task_publish_retry_policy": {"max_retries": 0}}


def test_a_first_publication_to_another_s_broker_is_refused_and_arrives_nowhere(
    broker: Server, client: Any
) -> None:
    made(broker.url).send_task("tests.first")
    analytics = made(broker.url, ANALYTICS, **ONCE)
    with pytest.raises(OperationalError, match=r"the broker of story\.shop@production"):
        analytics.send_task("tests.second")
    task = analytics.task(name="tests.third")(nothing)
    with pytest.raises(OperationalError, match=r"the broker of story\.shop@production"):
        task.delay()
    assert client.llen("celery") == 1


def nothing() -> None:
    """Be a task."""


def test_two_apps_of_one_process_and_url_share_no_connections(broker: Server) -> None:
    made(broker.url).send_task("tests.first")
    made(broker.url).send_task("tests.second")
    with pytest.raises(OperationalError):
        made(broker.url, ANALYTICS, **ONCE).send_task("tests.third")


def test_a_producer_ceases_once_it_saw_the_broker_handed_over_and_goes_on_once_it_is_back(
    broker: Server, client: Any
) -> None:
    shop, analytics = made(broker.url), made(broker.url, ANALYTICS)
    shop.send_task("tests.first")
    handing.hand_over(analytics, str(SHOP))
    shop.guard.look_once()  # as its thread does
    with pytest.raises(BrokerOfAnother, match=r"the broker of other\.analytics@production"):
        shop.send_task("tests.second")
    handing.hand_over(shop, str(ANALYTICS))
    shop.guard.look_once()
    shop.send_task("tests.third")
    assert client.llen("celery") == 2


def test_publishing_starts_the_thread_that_looks_once(
    broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = []
    shop = made(broker.url)
    monkeypatch.setattr(shop.guard, "_watch", began.append)
    shop.send_task("tests.first")
    shop.send_task("tests.second")
    assert len(began) == 1


def test_what_takes_from_a_broker_asks_too(broker: Server) -> None:
    made(broker.url).send_task("tests.first")
    analytics = made(broker.url, ANALYTICS)
    with pytest.raises(OSError, match=r"the broker of story\.shop"):
        analytics.connection_for_read().connect()
    with pytest.raises(OperationalError, match=r"the broker of story\.shop"):
        analytics.control.purge()


def test_a_broker_of_another_kind_is_used_and_a_line_says_that_nobody_looked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    made("memory://").send_task("tests.first")
    assert "is memory, of which nobody looks whose it is" in caplog.text


def test_it_stands_behind_a_subclass_that_keeps_tasks_from_the_broker(broker: Server) -> None:
    class Keeping(Celery):
        def send_task(self, name: str, *args: Any, **options: Any) -> Any:
            return "kept" if name == "tests.kept" else super().send_task(name, *args, **options)

    class Both(Keeping, GuardedCelery):
        pass

    made(broker.url).send_task("tests.first")
    app = Both("both", broker=broker.url, owner=ANALYTICS, set_as_current=False)
    app.conf.update(ONCE)
    assert app.send_task("tests.kept") == "kept"
    with pytest.raises(OperationalError):
        app.send_task("tests.plain")
