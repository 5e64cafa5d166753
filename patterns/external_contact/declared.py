"""What is the project's own: its databases, caches and brokers, and what it allows besides.

Read anew at each contact, which is rare and slow in itself, so that no list can be out of date.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from . import configuration
from .addresses import Address, address_of, addresses_in, host_of, ip_of

PORTS = {"postgresql": 5432, "postgis": 5432, "mysql": 3306, "oracle": 1521}
# The logs' own sockets: what is said there waits for nobody outside.
LOGS = {address_of(path) for path in ("/dev/log", "/var/run/syslog")}
# Looked up without asking anybody; what listens there is told by its port.
OWN_NAMES = {"", "localhost", host_of(socket.gethostname())}


def declared() -> set[Address]:
    """Return every address that a request may contact."""
    found = {each for database in settings.DATABASES.values() for each in _of_database(database)}
    found |= {each for cache in settings.CACHES.values() for each in _of_cache(cache)}
    for name in configuration.brokers():
        found |= addresses_in(getattr(settings, name, ""))
    return found | addresses_in(list(configuration.allowed())) | LOGS


def is_declared(address: Address) -> bool:
    """Tell whether an address, whose host may be one that a declared name stands for, is ours."""
    hosts = [host for host, port in declared() if port in {0, address.port}]
    if address.host in hosts or address.host.startswith("/"):
        return address.host in hosts
    names = [host for host in hosts if not ip_of(host) and not host.startswith("/")]
    return any(_stands_for(name, address.host) for name in names)


def is_declared_name(address: Address) -> bool:
    """Tell whether a name that is looked up, for a port if that is told, is one of ours."""
    return any(
        address.host == host and (not address.port or port in {0, address.port})
        for host, port in declared()
    )


def _of_database(database: Mapping[str, Any]) -> set[Address]:
    options = database.get("OPTIONS") or {}
    engine = str(database.get("ENGINE", "")).rpartition(".")[2]
    if engine not in PORTS:  # a file, or a backend whose ways nobody here knows: 0 is any port
        return {address_of(host, database.get("PORT")) for host in [database.get("HOST")] if host}
    # libpq's own variables fill in what is open.
    environment = os.environ if PORTS[engine] == 5432 else {}
    hosts = database.get("HOST") or options.get("host") or environment.get("PGHOST") or "localhost"
    ports = database.get("PORT") or options.get("port") or environment.get("PGPORT")
    each = f"{hosts},{options.get('hostaddr', '')},{options.get('unix_socket', '')}".split(",")
    return {
        _in_folder(address_of(host.strip(), port), engine)
        for host in each
        if host.strip()
        for port in str(ports or PORTS[engine]).split(",")
    }


def _in_folder(address: Address, engine: str) -> Address:
    """Return an address as it is, but for the folder in which PostgreSQL has its socket."""
    if not address.host.startswith("/"):
        return address
    name = f"/.s.PGSQL.{address.port}" if PORTS[engine] == 5432 else ""
    return address_of(f"{address.host}{name}")


def _of_cache(cache: Mapping[str, Any]) -> set[Address]:
    sentinels = (cache.get("OPTIONS") or {}).get("SENTINELS") or ()
    return addresses_in(cache.get("LOCATION")) | {address_of(*each) for each in sentinels}


# Every address that a name has stood for: one that fails over has several in turn.
_stood_for: dict[str, set[str]] = {}


def _stands_for(name: str, ip: str) -> bool:
    known = _stood_for.setdefault(name, set())
    if ip not in known:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        known.update(host_of(each[4][0]) for each in found)
    return ip in known
