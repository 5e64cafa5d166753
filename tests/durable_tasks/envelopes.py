"""Messages as Celery would send them, and as nobody should."""

import base64
import copy
import json
from typing import Any
from uuid import uuid4

from durable_shop.celery import app
from redis import Redis

WEIRD: list[Any] = [None, 0, -1, 1.5, True, "", "x", "\0", "\ud800", [], [1], ["a", "b", "c"], {}]


def push(broker_url: str, *items: bytes | dict[str, Any], queue: str = "default") -> None:
    """Put items into a queue, the first one to be taken first."""
    with Redis.from_url(broker_url) as broker:
        for item in items:
            broker.lpush(queue, item if isinstance(item, bytes) else json.dumps(item))


def waiting(broker_url: str, queue: str = "default") -> int:
    """Return how many messages are in a queue, or taken and unacknowledged."""
    with Redis.from_url(broker_url) as broker:
        return int(broker.llen(queue)) + int(broker.hlen("unacked"))


def plain_message(broker_url: str, *args: Any, task: str = "shop.plain") -> dict[str, Any]:
    """Return an envelope as Celery makes it for a plain task, without publishing it."""
    app.tasks["shop.plain"].apply_async(args, queue="template")
    with Redis.from_url(broker_url) as broker:
        envelope: dict[str, Any] = json.loads(broker.rpop("template"))
    envelope["headers"]["task"] = task
    envelope["properties"]["delivery_info"]["routing_key"] = "default"
    return envelope


def durable_message(
    broker_url: str, task_id: Any, publication: Any, *, task: str
) -> dict[str, Any]:
    """Return an envelope as the relay makes it."""
    envelope = plain_message(broker_url, "not in a durable message", task=task)
    envelope["headers"] |= {"id": str(task_id), "durable_publication": str(publication)}
    return envelope | {"body": encoded([[], {}, None])}


def changed(envelope: dict[str, Any], part: str, key: str, value: Any) -> dict[str, Any]:
    """Return a copy of its own id with one value changed: of "headers", "properties", or ""."""
    copied = copy.deepcopy(envelope)
    copied["headers"]["id"] = str(uuid4())
    copied["properties"]["delivery_tag"] = str(uuid4())
    target = copied[part] if part else copied
    target[key] = value
    return copied


def encoded(body: Any) -> str:
    """Return a body as it stands in an envelope."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return base64.b64encode(text).decode()
