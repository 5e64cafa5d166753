"""Addresses as they are compared, and how they are read from URLs and settings."""

from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

# Of a URL that names no port.
PORTS = {
    "amqp": 5672,
    "amqps": 5671,
    "pyamqp": 5672,
    "redis": 6379,
    "rediss": 6379,
    "sentinel": 26379,
    "valkey": 6379,
    "valkeys": 6379,
}


class Address(NamedTuple):
    """A host and its port, or the path of a socket and 0."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written in settings."""
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(host: Any, port: Any = 0) -> Address:
    """Return an address in one spelling. A port that is no number (a service's name) is 0."""
    with suppress(TypeError, ValueError):
        return Address(host_of(host), int(port))
    return Address(host_of(host), 0)


def host_of(given: Any) -> str:
    """Return a host, or a path, as one text: an IPv4 address within IPv6 is the same as without."""
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given or "")
    if text.startswith(("/", "\0")):
        return text
    text = text.strip("[]").rstrip(".").lower()
    return str(found) if (found := ip_of(text)) else text


@lru_cache(maxsize=1024)  # the same few are compared at each contact
def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, if it is none that has to be looked up."""
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def is_loopback(address: Address) -> bool:
    """Tell whether it is on this machine: by loopback, or by a socket's path."""
    found = ip_of(address.host)
    is_path = address.host.startswith(("/", "\0"))
    is_here = bool(found and (found.is_loopback or found.is_unspecified))
    return is_path or is_here or address.host in {"", "localhost"}


def addresses_in(urls: Any) -> set[Address]:
    """Return what a setting leads to: a URL or "host:port", several with ; or , between, a list."""
    if not isinstance(urls, str):
        return {each for url in urls or () for each in addresses_in(url)}
    parts = urls.replace(";", ",").split(",")
    return {found for part in parts if (found := read(part.strip())) is not None}


@lru_cache(maxsize=1024)
def read(text: str) -> Address | None:
    """Return the address that a text is; None for what is none, such as the name of a table."""
    if text.startswith("/"):
        return address_of(text)
    if text.startswith("unix:") and "://" not in text:
        return address_of(text.removeprefix("unix:"))
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
        host, port = url.hostname, url.port or PORTS.get(url.scheme)
    except ValueError:
        return None
    if url.scheme in {"unix", "redis+socket", "socket"} or (url.path and not host):
        return address_of(unquote(url.path))
    return address_of(host, port) if host and port else None
