"""Connections that are looked at before they are used.

kombu's transports are where each connection begins, a worker's, a producer's, remote control's or a
relay's own: nothing is published or taken before the guard has agreed.
"""

import logging
from functools import lru_cache
from typing import Any

import kombu
from kombu.connection import ConnectionPool, PooledConnection
from kombu.utils.collections import HashedSeq

from .guard import Guard

logger = logging.getLogger(__name__)


class GuardedConnection(kombu.Connection):
    """A connection whose broker is asked whose it is. `guard` None: it is not."""

    guard: Guard | None = None

    def get_transport_cls(self) -> type[Any]:
        """Return the transport of the URL; of Redis', one that asks."""
        transport: Any = super().get_transport_cls()
        if self.guard is None or isinstance(transport, str):
            return transport  # type: ignore[no-any-return]
        if transport.driver_type != "redis":
            _say_unguarded(str(transport.driver_type), str(self.guard.owner))
            return transport  # type: ignore[no-any-return]
        return asking(transport)

    def Pool(self, limit: int | None = None, **options: Any) -> ConnectionPool:
        """Return a pool of connections that ask as this one does."""
        return GuardedPool(self, limit, **options)

    def __eqhash__(self) -> Any:
        """Tell kombu, which keeps one pool for equal connections, those of two apps apart."""
        return HashedSeq(super().__eqhash__(), id(self.guard))


class GuardedPool(ConnectionPool):
    """A pool of what publishes. kombu's own would make connections of its own class."""

    def new(self) -> Any:
        """Return one more connection, not connected yet."""
        own: Any = type(self.connection)
        return pooled(own)(self, **self.connection.info())


class AskingTransport:
    """Part of a Redis transport: it asks once it is connected."""

    def establish_connection(self: Any) -> Any:
        """Connect. Raises BrokerOfAnother with nothing left open, and what the transport does."""
        connection = super().establish_connection()  # type: ignore[misc]  # a part, see above
        guard: Guard | None = self.client.guard
        if guard is not None:
            try:
                guard.require(self.client, self.channels[-1])
            except BaseException:
                self.close_connection(connection)
                raise
        return connection


@lru_cache
def guarded(connection: type[kombu.Connection], guard: Guard) -> type[kombu.Connection]:
    """Return a class of connections, stock or somebody's own, that asks this guard."""
    return type(connection.__name__, (GuardedConnection, connection), {"guard": guard})


@lru_cache
def pooled(connection: type[Any]) -> type[Any]:
    """Return the class of the connections of a pool."""
    return type("PooledConnection", (connection, PooledConnection), {})


@lru_cache
def asking(transport: type[Any]) -> type[Any]:
    """Return a Redis transport (plain, Sentinel, somebody's own) that asks."""
    return type(transport.__name__, (AskingTransport, transport), {})


@lru_cache
def _say_unguarded(driver: str, owner: str) -> None:
    logger.warning(
        "The broker of %s is %s, of which nobody looks whose it is: that is done on Redis and"
        " Valkey alone.",
        owner,
        driver,
    )
