"""System checks of what would otherwise go wrong in silence. Run by every `manage.py` command."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

Apps = Sequence[AppConfig] | None
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672}  # of others, Redis's


@register
def check_brokers(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """`shop.E004`: two apps share a broker, be it by two databases of one server."""
    addresses = {
        name: broker_address(getattr(settings, name))
        for name in dir(settings)
        if name.endswith("BROKER_URL")
    }
    return [
        Error(
            f"{one} and {other} are the same broker.",
            hint="Give each app a server of its own, not a database: a flood of one would stop the"
            " other.",
            id="shop.E004",
        )
        for one, other in combinations(sorted(addresses, reverse=True), 2)
        if addresses[one] == addresses[other]
    ]


def broker_address(url: str) -> tuple[str, int]:
    """Return host and port of a broker, as one spelling, or the path of its socket.

    Not the database behind them: all of a server's share one memory, and one eviction.
    """
    parts = urlsplit(url)
    if parts.scheme.endswith(("+socket", "+unix")) or parts.scheme == "unix":
        return parts.path, 0
    host = parts.hostname or "127.0.0.1"
    here = {"localhost", "::1"}
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 6379)
    return "127.0.0.1" if host in here else host, port
