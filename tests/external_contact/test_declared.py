"""What is the project's own, as its settings say it: a request may contact that."""

import socket
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from patterns.external_contact import configuration, declared
from patterns.external_contact.addresses import address_of
from patterns.external_contact.errors import ExternalContact
from tests.external_contact import contacting
from tests.external_contact.asking import ask, ask_async
from tests.external_contact.conftest import Outside
from tests.servers import eventually

Shown = Callable[..., set[str]]


def database(engine: str = "postgresql", **given: Any) -> dict[str, Any]:
    return {"ENGINE": f"django.db.backends.{engine}", "HOST": "", "PORT": "", **given}


@pytest.fixture
def shown(monkeypatch: Any) -> Shown:
    """Return what is declared by these settings alone, which no running project may change."""

    def show(**given: Any) -> set[str]:
        stand_in = SimpleNamespace(**{"DATABASES": {}, "CACHES": {}, **given})
        for module in (declared, configuration):
            monkeypatch.setattr(module, "settings", stand_in)
        return {str(each) for each in declared.declared() - declared.LOGS}

    return show


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (database(), {"localhost:5432"}),
        (database(HOST="Db.Internal", PORT="6432"), {"db.internal:6432"}),
        (database(HOST="::1", PORT=5433), {"[::1]:5433"}),
        (database(HOST="one,two", PORT="1,2"), {"one:1", "one:2", "two:1", "two:2"}),
        (
            database(HOST="/var/run/postgresql"),
            {"/var/run/postgresql/.s.PGSQL.5432"},
        ),
        (database(OPTIONS={"host": "bouncer", "port": 6432}), {"bouncer:6432"}),
        (database(HOST="db", OPTIONS={"hostaddr": "10.0.0.1"}), {"db:5432", "10.0.0.1:5432"}),
        (database("mysql", HOST="db"), {"db:3306"}),
        (
            database("mysql", HOST="db", OPTIONS={"unix_socket": "/run/my.sock"}),
            {"db:3306", "/run/my.sock"},
        ),
        (database("sqlite3", NAME=":memory:"), set()),
        (database("somebodys_own", HOST="db"), {"db"}),
    ],
)
def test_a_database_is(shown: Shown, given: Any, found: set[str]) -> None:
    assert shown(DATABASES={"default": given}) == found


def test_a_database_that_libpqs_own_variables_name_is(shown: Shown, monkeypatch: Any) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPORT", "5434")
    assert shown(DATABASES={"default": database()}) == {"elsewhere:5434"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"LOCATION": "redis://:a%2Fb@cache.internal/1"}, {"cache.internal:6379"}),
        ({"LOCATION": ["redis://a:1", "rediss://b:2"]}, {"a:1", "b:2"}),
        ({"LOCATION": "10.0.0.1:11211"}, {"10.0.0.1:11211"}),
        ({"LOCATION": "10.0.0.1:11211;10.0.0.2:11211"}, {"10.0.0.1:11211", "10.0.0.2:11211"}),
        ({"LOCATION": "unix:/run/memcached.sock"}, {"/run/memcached.sock"}),
        ({"LOCATION": "unix:///run/redis.sock?db=1"}, {"/run/redis.sock"}),
        ({"LOCATION": "name_of_a_table"}, set()),
        ({}, set()),
        ({"OPTIONS": {"SENTINELS": [("s", 26379)]}}, {"s:26379"}),
    ],
)
def test_a_cache_is(shown: Shown, given: Any, found: set[str]) -> None:
    assert shown(CACHES={"default": given}) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("redis://:secret@broker/0", {"broker:6379"}),
        ("amqp://shop@a//;amqps://b", {"a:5672", "b:5671"}),
        (["sentinel://a", "sentinel://b:1"], {"a:26379", "b:1"}),
        ("redis+socket:///run/valkey.sock", {"/run/valkey.sock"}),
        ("memory://", set()),
    ],
)
def test_a_broker_is_by_the_name_of_its_setting(shown: Shown, given: Any, found: set[str]) -> None:
    assert shown(BROKER_URL=given, EXTERNAL_CONTACT_BROKERS=["BROKER_URL"]) == found


def test_what_is_allowed_is(shown: Shown) -> None:
    given = ["API.example.com:443", "[2001:db8::1]:80", "/run/x.sock"]
    found = {"api.example.com:443", "[2001:db8::1]:80", "/run/x.sock"}
    assert shown(EXTERNAL_CONTACT_ALLOWED=given) == found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1"])
def test_a_declared_server_is_contacted_without_a_word(
    settings: Any, outside: Outside, host: str
) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = [
        f"[{host}]:{outside.port}" if ":" in host else f"{host}:{outside.port}"
    ]
    assert ask("/sync/x/", partial(contacting.connect, outside.port)).status_code == 200
    does = partial(contacting.by_a_stream, outside.port)
    assert ask_async("/async/", does).status_code == 200
    eventually(lambda: outside.visits == 2)


def test_a_database_of_an_unknown_kind_is_at_any_port(shown: Shown) -> None:
    shown(DATABASES={"default": database("somebodys_own", HOST="localhost")})
    assert declared.is_declared_name(address_of("localhost", 5))
    assert declared.is_declared(address_of("127.0.0.1", 5))
    assert not declared.is_declared_name(address_of("elsewhere", 5))
    assert not declared.is_declared(address_of("203.0.113.7", 5))


def test_a_declared_name_that_has_no_address_stands_for_none(settings: Any) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = ["nowhere.invalid:5"]
    assert declared.is_declared_name(address_of("nowhere.invalid", 5))
    assert not declared.is_declared(address_of("203.0.113.7", 5))


def test_another_port_of_a_declared_server_is_not(settings: Any, outside: Outside) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = [f"127.0.0.1:{outside.port + 1}", "localhost:1"]
    with pytest.raises(ExternalContact):
        ask("/sync/x/", partial(contacting.connect, outside.port))


def test_a_declared_name_is_looked_up_for_its_own_port_alone(settings: Any) -> None:
    settings.EXTERNAL_CONTACT_ALLOWED = ["allowed.invalid:1"]

    def look_up(port: int | None) -> None:
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("allowed.invalid", port)

    assert ask("/sync/x/", partial(look_up, 1)).status_code == 200
    assert ask("/sync/x/", partial(look_up, None)).status_code == 200
    with pytest.raises(ExternalContact):
        ask("/sync/x/", lambda: socket.getaddrinfo("allowed.invalid", 2))


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.gethostbyname("elsewhere.invalid"),
        lambda: socket.gethostbyaddr("203.0.113.7"),
        lambda: socket.getfqdn("203.0.113.7"),
    ],
    ids=["by name", "by address", "of a visitor"],
)
def test_a_look_up_of_any_kind_contacts_the_name_server(look_up: Any) -> None:
    with pytest.raises(ExternalContact):
        ask("/sync/x/", look_up)


def test_this_machines_own_name_is_no_contact() -> None:
    assert ask("/sync/x/", socket.getfqdn).status_code == 200
    assert ask("/sync/x/", partial(socket.gethostbyaddr, "127.0.0.1")).status_code == 200
    assert ask("/sync/x/", lambda: socket.getaddrinfo("localhost", 80)).status_code == 200


def test_a_socket_by_its_path_is_declared_or_not(settings: Any, tmp_path: Any) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as ours:
        server.bind(path)
        server.listen()
        settings.EXTERNAL_CONTACT_ALLOWED = [path]
        assert ask("/sync/x/", partial(ours.connect, path)).status_code == 200
        settings.EXTERNAL_CONTACT_ALLOWED = []
        with pytest.raises(ExternalContact):
            ask("/sync/x/", lambda: socket.socket(socket.AF_UNIX).connect(path))
