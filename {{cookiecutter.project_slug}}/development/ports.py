"""Ports on this machine: find free ones, and tell which are taken."""

import random
import socket
from contextlib import closing

# Below the ranges from which Linux (32768) and macOS (49152) number outgoing connections: a port
# from there could be taken by any client between our look at it and the server's start.
LOWEST, HIGHEST = 20_000, 32_000
ATTEMPTS = 200  # enough, unless nearly all of the range is in use


class NoFreePort(RuntimeError):
    """Nothing was free in the range that was searched."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` of the loopback interface now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listener:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(*, besides: set[int] | None = None) -> int:
    """Return a port that is free now and not among `besides`.

    Raises NoFreePort. It is a look, not a reservation: who starts a server tries another port
    when this one was taken meanwhile.
    """
    for _ in range(ATTEMPTS):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311  a port is no secret
        if port not in (besides or set()) and is_free(port):
            return port
    raise NoFreePort(f"no free port was found between {LOWEST} and {HIGHEST}: end some servers")
