"""The analysts' broker and worker are their own: a check of the configuration says otherwise."""

import os

import pytest
from pytest_django import Settings

from analytics.celery import app
from config import checks
from config.processes import LINES


def test_the_shop_s_broker_in_the_environment_does_not_become_the_analysts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What `celery -A ... worker` does with BROKER_URL, for every app of its process.
    monkeypatch.setenv("CELERY_BROKER_URL", os.environ["BROKER_URL"])
    expected = os.environ["ANALYTICS_BROKER_URL"]
    for connection in (app.connection_for_write(), app.connection_for_read()):
        assert connection.as_uri(include_password=True) == expected


def test_analytics_runs_on_an_app_of_its_own() -> None:
    assert "-A analytics.celery " in LINES["worker_analytics"]


@pytest.mark.parametrize(
    "other",
    [
        "redis://localhost:6379/0",
        "redis://127.0.0.1",
        "redis://:secret@LOCALHOST/",
        "redis://[::1]/0",
        "redis://127.0.0.1:6379/1",  # another database in the same memory
        "rediss://localhost?ssl_cert_reqs=required",
    ],
)
def test_e004_one_broker_under_two_spellings(settings: Settings, other: str) -> None:
    settings.BROKER_URL, settings.ANALYTICS_BROKER_URL = "redis://127.0.0.1:6379/0", other
    assert [error.id for error in checks.check_brokers(None)] == ["shop.E004"]


def test_e004_two_databases_behind_one_socket(settings: Settings) -> None:
    settings.BROKER_URL = "redis+socket:///run/valkey.sock?virtual_host=0"
    settings.ANALYTICS_BROKER_URL = "redis+socket:///run/valkey.sock?virtual_host=1"
    assert [error.id for error in checks.check_brokers(None)] == ["shop.E004"]
    settings.ANALYTICS_BROKER_URL = "redis+socket:///run/other.sock"
    assert checks.check_brokers(None) == []


@pytest.mark.parametrize(
    "other", ["redis://127.0.0.1:6380/0", "redis://10.0.0.9:6379/0", "amqp://127.0.0.1/"]
)
def test_two_brokers_are_two(settings: Settings, other: str) -> None:
    settings.BROKER_URL, settings.ANALYTICS_BROKER_URL = "redis://127.0.0.1:6379/0", other
    assert checks.check_brokers(None) == []
