"""The fixtures that every other test stands on."""

import os
import smtplib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection

from config.celery import app
from development.testing import PaymentProvider, SmtpServer, point_at_broker


def test_a_run_has_servers_of_its_own() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    for name in ("BROKER_URL", "ANALYTICS_BROKER_URL"):
        with redis.Redis.from_url(os.environ[name]) as broker:
            assert broker.ping()


def test_a_test_s_broker_is_empty_and_the_app_publishes_to_it(broker_url: str) -> None:
    assert broker_url != os.environ["BROKER_URL"]
    publish()
    with redis.Redis.from_url(broker_url) as broker:
        assert broker.llen("default") == 1


def test_after_a_test_the_app_is_back_at_the_run_s_broker(broker_url: str) -> None:
    with point_at_broker(settings, "BROKER_URL", "config.celery", os.environ["BROKER_URL"]):
        publish()
    assert app.conf.broker_url == broker_url
    publish()
    with redis.Redis.from_url(broker_url) as broker:
        assert broker.llen("default") == 1


def publish() -> None:
    """Put a message into a queue of the app's broker, as the relay does."""
    with app.producer_or_acquire() as producer:
        producer.publish({}, exchange="", routing_key="default")


def test_the_smtp_server_records_what_it_takes(smtp_server: SmtpServer) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
        client.sendmail("a@example.com", ["b@example.com"], b"Subject: one\r\n\r\ntwo\r\n")
    (message,) = smtp_server.messages
    assert (message.mail_from, message.rcpt_tos) == ("a@example.com", ["b@example.com"])
    assert message.content == b"Subject: one\r\n\r\ntwo\r\n"


def test_the_provider_does_as_it_is_told(payment_provider: PaymentProvider) -> None:
    assert payment_provider.control(decline_next=2)["decline_next"] == 2
    assert payment_provider.charges() == {"charges": [], "attempts": 0}


@pytest.mark.parametrize("queue", ["mail"])
def test_a_worker_process_is_ready_and_sees_the_test_s_database(
    queue: str, broker_url: str, celery_worker_process: Callable[..., Any]
) -> None:
    worker = celery_worker_process(queue)
    assert worker.poll() is None
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        row = database.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [str(connection.settings_dict["NAME"])]
        )
        assert row.fetchone() == (1,)
