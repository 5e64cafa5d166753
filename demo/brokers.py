"""The analytics broker, as somebody who has its address sees and floods it."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from demo.shop import Shop

JUNK = "demo:flood"
ENTRY = b"x" * 100_000
FLOOD_MEGABYTES = 24


def analytics_broker(shop: Shop) -> redis.Redis:
    """Connect to the broker whose address the running shop wrote down."""
    return redis.Redis.from_url(str(shop.servers["ANALYTICS_BROKER_URL"]))


@contextmanager
def flooded(broker: redis.Redis) -> Iterator[int]:
    """Fill a broker until it refuses, give the number of entries it took; empty it again.

    Its limit is lowered meanwhile, so that the flood is short.
    """
    limit = str(broker.config_get("maxmemory")["maxmemory"])
    used = int(broker.info("memory")["used_memory"])
    broker.config_set("maxmemory", used + FLOOD_MEGABYTES * 1_000_000)
    try:
        entries = 0
        while not is_full(broker):
            entries = int(broker.llen(JUNK))
        yield entries
    finally:
        broker.delete(JUNK)
        broker.config_set("maxmemory", limit)


def is_full(broker: redis.Redis) -> bool:
    """Send one entry more; tell whether the broker refused it."""
    try:
        broker.rpush(JUNK, ENTRY)
    except redis.exceptions.OutOfMemoryError:
        return True
    return False
