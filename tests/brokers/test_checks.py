"""Each check complains of what it is for, and asks no server unless told to."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import CheckMessage, Tags

from patterns.brokers import checks, server
from patterns.brokers.app import GuardedCelery
from tests.brokers.conftest import ANALYTICS, SHOP, made
from tests.servers import Server

shop = made("redis://broker.example/0", SHOP)
analytics = made("redis://analytics.example/0", ANALYTICS)
no_app = object()


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[None]:
    settings.BROKERS_APPS = (f"{__name__}.shop", f"{__name__}.analytics")
    settings.CACHES = {"default": {"BACKEND": "...", "LOCATION": "redis://cache.example/0"}}
    yield
    for app, url in ((shop, "broker"), (analytics, "analytics")):
        app.conf.broker_url = f"redis://{url}.example/0"
        app.conf.result_backend = None


def found() -> list[CheckMessage]:
    return checks.check_brokers()


def asked() -> list[CheckMessage]:
    return checks.check_servers(databases=["default"])


def test_a_good_project_gives_no_finding() -> None:
    assert found() == []


@pytest.mark.parametrize("path", ["nowhere.app", "tests.brokers.test_checks.no_app"])
def test_e001_an_app_that_is_none_of_ours(settings: Any, path: str) -> None:
    settings.BROKERS_APPS = (path,)
    (error,) = found()
    assert error.id == "brokers.E001"
    assert asked() == []  # once is enough


def test_e002_two_apps_on_one_server() -> None:
    analytics.conf.broker_url = "redis://broker.example:6379/1"
    (error,) = found()
    assert error.id == "brokers.E002"


def test_e003_a_cache_on_the_broker(settings: Any) -> None:
    settings.CACHES["pages"] = {"BACKEND": "...", "LOCATION": ["rediss://broker.example/5"]}
    (error,) = found()
    assert error.id == "brokers.E003"
    assert "BROKER_URL and the cache 'pages'" in error.msg


@pytest.mark.parametrize("backend", ["redis://broker.example/2", "rpc://"])
def test_e004_results_on_the_broker(backend: str) -> None:
    shop.conf.result_backend = backend
    (error,) = found()
    assert error.id == "brokers.E004"


def test_e005_another_s_broker(broker: Server) -> None:
    made(broker.url).guard.look()
    analytics.conf.broker_url = broker.url
    (error,) = asked()
    assert error.id == "brokers.E005"
    assert "the broker of story.shop@production" in error.msg


def test_e005_looking_stamps_nothing(broker: Server, client: Any) -> None:
    analytics.conf.broker_url = broker.url
    assert asked() == []
    assert client.dbsize() == 0


@pytest.mark.parametrize("forbidden", ["", "config"], ids=["", "as on managed servers"])
def test_e006_a_broker_that_evicts(broker: Server, client: Any, forbidden: str) -> None:
    client.config_set("maxmemory-policy", "volatile-lru")
    if forbidden:
        client.execute_command("ACL", "SETUSER", "default", "-config")
    shop.conf.broker_url = broker.url
    (error,) = asked()
    assert error.id == "brokers.E006"
    assert "maxmemory-policy volatile-lru" in error.msg


def test_e006_an_app_that_accepts_it_is_left_alone(broker: Server, client: Any) -> None:
    client.config_set("maxmemory-policy", "volatile-lru")
    lenient = GuardedCelery(
        "lenient", broker=broker.url, owner=SHOP, set_as_current=False, may_evict=lambda: True
    )
    assert server.eviction_fault(lenient.guard) is None


def test_a_broker_that_is_no_redis_is_no_finding() -> None:
    shop.conf.broker_url = analytics.conf.broker_url = "memory://"
    assert asked() == []


def test_a_server_that_does_not_answer_is_no_finding(broker: Server) -> None:
    shop.conf.broker_url = analytics.conf.broker_url = broker.url
    broker.stop()
    assert asked() == []


def test_every_finding_says_what_to_do(settings: Any) -> None:
    analytics.conf.broker_url = "redis://broker.example"
    settings.CACHES["default"]["LOCATION"] = "redis://broker.example"
    shop.conf.result_backend = "redis://broker.example"
    assert len(found()) >= 4
    assert all(error.hint for error in found())


def test_a_plain_check_asks_no_server(broker: Server, client: Any) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    shop.conf.broker_url = broker.url
    assert checks.check_servers() == []
    assert Tags.database in checks.check_servers.tags  # type: ignore[attr-defined]
