"""Who works with a server that bears no stamp: after a flush, or beside an app that stamps none."""

from typing import Any

import redis
from celery import Celery

# As kombu names them: an exchange's queues, each with its key and pattern.
BINDING = "_kombu.binding."
# Of remote control and events, whose queues have names made up for each process.
NOT_OF_TASKS = ("celeryev", "pidbox")
LOOK_AT_KEYS = 1000  # in one step: a millisecond of the server's


def strange_queues(app: Celery, channel: Any) -> list[str]:
    """Return the queues in the channel's database that `app` does not declare.

    A flush removes them with the stamp; an app that never stamped has them.
    """
    client: Any = redis.Redis(connection_pool=channel.client.connection_pool)
    known = {*app.amqp.queues, app.conf.task_default_queue}
    found: set[str] = set()
    try:
        pattern = f"{channel.global_keyprefix}{BINDING}*"
        for key in client.scan_iter(match=pattern, count=LOOK_AT_KEYS, _type="set"):
            if not key.decode(errors="replace").endswith(NOT_OF_TASKS):
                found |= {_queue(member, channel.sep) for member in client.smembers(key)}
    except redis.ResponseError:  # these commands are not allowed: nothing is known
        return []
    return sorted(found - known)


def somebody_waits(client: redis.Redis) -> bool:
    """Tell whether workers wait at the server now, anybody's; a flush does not send them away."""
    try:
        return bool(client.info("clients").get("blocked_clients")) or bool(
            client.pubsub_channels("*.pidbox")
        )
    except redis.ResponseError:
        return False


def _queue(member: bytes, sep: str) -> str:
    return member.decode(errors="replace").rpartition(sep)[2]
