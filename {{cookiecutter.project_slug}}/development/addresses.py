"""Where everything will answer: the ports, and the URLs that follow from them."""

import argparse
from collections.abc import Mapping, Set

from development import environment, ports
from development.server import ServerFailed

# Variable: default port, what is there, and the variable that makes it needless where it is set.
PORTS = {
    "PORT": (8000, "the shop", None),
    "FLOWER_PORT": (5555, "Flower", None),
    "ANALYTICS_FLOWER_PORT": (5556, "Flower of analytics", None),  # analytics
    "MAIL_PORT": (8025, "the caught mails", "EMAIL_URL"),
    "PAYMENTS_PORT": (8081, "the payment provider", "PAYMENTS_URL"),
}


def choose_addresses(
    env: Mapping[str, str], given: Set[str], options: argparse.Namespace
) -> dict[str, str]:
    """Return the variables to set. Raises ServerFailed where a port is in use."""
    chosen: dict[str, int] = {}
    for name, (_, _, needless_with) in PORTS.items():
        if needless_with not in given:
            chosen[name] = _port(name, env, options, set(chosen.values()))
    variables = {name: str(port) for name, port in chosen.items()}
    if options.port or options.free_ports or "SITE_URL" not in given:
        variables["SITE_URL"] = f"http://127.0.0.1:{chosen['PORT']}"
    if "EMAIL_URL" not in given:
        smtp_port = ports.free_port(besides=set(chosen.values()))
        variables["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_port}"
    if "PAYMENTS_URL" not in given:
        variables["PAYMENTS_URL"] = f"http://127.0.0.1:{chosen['PAYMENTS_PORT']}"
    return variables


def _port(name: str, env: Mapping[str, str], options: argparse.Namespace, taken: set[int]) -> int:
    default, what, _ = PORTS[name]
    if name == "PORT" and options.port:
        port: int = options.port
    elif options.free_ports:
        return ports.free_port(besides=taken)
    else:
        port = environment.port(env, name, default)
    if port in taken or not ports.is_free(port):
        other = port + 100 if port + 100 < 65_536 else port - 100
        raise ServerFailed(
            f"port {port}, for {what}, is in use. Choose another (`{name}={other} uv run start.py`)"
            " or let it choose (`uv run start.py --free-ports`)"
        )
    return port
