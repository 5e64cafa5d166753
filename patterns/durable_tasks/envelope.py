"""Redis messages whose envelope is no envelope: wrapped into one, so that they can be kept.

RabbitMQ's envelope is its protocol; in Redis it is JSON, and kombu dies of what is something else,
with the message in its hand: it is gone from the list and not yet marked as unacknowledged.
"""

import base64
from functools import lru_cache
from typing import Any
from uuid import uuid4

import kombu
from celery.app.amqp import AMQP
from kombu.log import get_logger
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

logger = get_logger(__name__)

# A header of what is wrapped: why the envelope could not be read. The body is all that came.
UNREADABLE = "durable_unreadable"


class DurableConnection(kombu.Connection):
    """A connection that survives any message, on Redis as well."""

    def get_transport_cls(self) -> type[Any]:
        """Return the transport of the URL; of Redis', the one with our channel."""
        transport: Any = super().get_transport_cls()
        return checked(transport) if transport.driver_type == "redis" else transport


class DurableAMQP(AMQP):
    """What a Celery app uses to reach its broker (`Celery.amqp_cls`)."""

    Connection = DurableConnection
    BrokerConnection = DurableConnection


class CheckedChannel:
    """Part of a Redis channel: what comes from a list is an envelope, or becomes one.

    Crash: what is wrapped is marked as unacknowledged like any message, and comes again.
    """

    def _create_client(self, *args: Any, **kwargs: Any) -> Any:
        client = super()._create_client(*args, **kwargs)  # type: ignore[misc]  # a part, see above
        client.set_response_callback("BRPOP", self._readable)
        return client

    def _readable(self: Any, reply: Any, **_: Any) -> tuple[bytes, bytes] | None:
        if not reply:
            return None
        key, item = reply
        if fault := self._fault_of(item):
            name = bytes_to_str(key)[len(self.global_keyprefix) :]
            return key, wrap(item, fault, queue=name.rsplit(self.sep, 1)[0])
        return key, item

    def _fault_of(self: Any, item: bytes) -> str:
        try:
            payload = loads(bytes_to_str(item))
            if fault := fault_of(payload):
                return fault
            properties = payload["properties"]
            # A lone surrogate would raise when the tag is sent back to Redis.
            for text in (properties["delivery_tag"], *properties["delivery_info"].values()):
                str(text).encode()
            if payload.get("body"):
                self.decode_body(payload["body"], properties.get("body_encoding"))
        except Exception as error:  # whatever it is, it must not reach kombu
            return f"{type(error).__name__}: {error}"[:200]
        return ""

    def _deliver_fanout_message(self: Any, message: Any, exchange: str) -> Any:
        # Remote control and events: nothing that waits anywhere, so what cannot be read is dropped.
        try:
            if fault := fault_of(message):
                raise ValueError(fault)
            return super()._deliver_fanout_message(message, exchange)  # type: ignore[misc]
        except broken_connection_errors(self):
            raise
        except Exception as error:
            logger.error("A message to all of %s is dropped: %r", exchange, error)
            return True


def fault_of(payload: Any) -> str:
    """Return what would make kombu raise over an envelope, or lose it later; "" if nothing."""
    if not isinstance(payload, dict):
        return f"the envelope is a JSON {type(payload).__name__}, no object"
    properties = payload.get("properties")
    if not isinstance(properties, dict):
        return "the envelope has no properties"
    if not isinstance(properties.get("delivery_tag"), str):
        return "the envelope has no delivery_tag"
    address = properties.get("delivery_info")
    if not isinstance(address, dict):
        return "the envelope has no delivery_info"
    if not all(isinstance(address.get(key), str) for key in ("exchange", "routing_key")):
        return "the envelope's delivery_info has no exchange or routing_key"
    if not isinstance(payload.get("headers", {}), dict):
        return "the envelope's headers are no object"
    return ""


def broken_connection_errors(channel: Any) -> tuple[type[Exception], ...]:
    """Return the errors after which a worker connects again.

    Not KeyError, which kombu counts among Redis': a message without an id raises it too, and would
    be restored and raise it again, for ever.
    """
    return tuple(each for each in channel.connection_errors if each is not KeyError)


def wrap(item: bytes, fault: str, *, queue: str) -> bytes:
    """Return an envelope around what came: it is acknowledged and restored as any message."""
    properties = {
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
        "delivery_info": {"exchange": "", "routing_key": queue},
        "delivery_mode": 2,
        "priority": 0,
    }
    envelope = {
        "body": base64.b64encode(item).decode(),
        "content-type": "application/octet-stream",
        "content-encoding": "binary",
        "headers": {UNREADABLE: fault},
        "properties": properties,
    }
    return str(dumps(envelope)).encode()


@lru_cache
def checked(transport: Any) -> type[Any]:
    """Return a Redis transport (plain, Sentinel, somebody's own) whose channel checks envelopes."""
    channel = type("Channel", (CheckedChannel, transport.Channel), {})
    return type(transport.__name__, (transport,), {"Channel": channel})
